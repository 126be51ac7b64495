/** Does works one after the other, in the order they come, whatever became of the ones before. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = before.then(work);
    before = done.catch(() => undefined); // whoever asked for it is told
    return done;
  };
}
