const STRINGS = ['NaN', 'Infinity', '-Infinity', '-0'];

/** Plain data as JSON. What JSON has no number for goes as a string: "NaN", "Infinity", "-Infinity" and "-0", as in the JSON form of Protocol Buffers. */
export function toJson(value: unknown): string {
  // JSON makes null and 0 of those numbers; where neither is, the values need not be looked at one by one.
  const text = JSON.stringify(value);
  if (!/null|(?:^|[:[,])0(?:$|[,\]}])/.test(text)) return text;
  return JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each !== 'number') return each;
    if (Object.is(each, -0)) return '-0';
    return Number.isFinite(each) ? each : String(each);
  });
}

/** What {@link toJson} was given, as long as none of its texts is one of those four. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_key, each: unknown) =>
    typeof each === 'string' && STRINGS.includes(each) ? Number(each) : each,
  );
}
