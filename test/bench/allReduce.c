// What MPI takes by itself: milliseconds of an all-reduce in place of so many floats, the median of so many, as rank 0 sees it.
// mpicc -O2 allReduce.c -o allReduce && mpirun -n 2 allReduce FLOATS TIMES
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  const int floats = atoi(argv[1]), times = atoi(argv[2]), warm_up = times / 3 + 1;
  float *buffer = calloc(floats, sizeof(float));
  double *ms = malloc(times * sizeof(double));
  for (int i = 0; i < warm_up + times; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, buffer, floats, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (i >= warm_up) ms[i - warm_up] = 1e3 * (MPI_Wtime() - start);
  }
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  qsort(ms, times, sizeof(double), ascending);
  if (rank == 0) printf("%g\n", ms[times / 2]);
  MPI_Finalize();
}
