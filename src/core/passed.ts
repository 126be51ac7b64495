/**
 * T as an operator passes it on beside what it adds, in a type from which T is not inferred.
 *
 * Of `T | EndEvent`, a wanted result that names EndEvent would infer a T without it. `NoInfer` prevents that, too, but no longer narrows by `type`.
 */
export type Passed<T> = Exclude<T, never>;
