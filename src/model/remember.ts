/** The same function, computed once for each input object: values are immutable, so the input is the cache key (house.md 3.3). */
export function remember<Input extends object, Output>(compute: (input: Input) => Output): (input: Input) => Output {
  const results = new WeakMap<Input, { readonly output: Output }>();
  return (input) => {
    const known = results.get(input);
    if (known !== undefined) return known.output;
    const output = compute(input);
    results.set(input, { output });
    return output;
  };
}

/** As `remember`, for a second input that is a text (a name, an address). */
export function rememberWith<Input extends object, Output>(
  compute: (input: Input, key: string) => Output,
): (input: Input, key: string) => Output {
  const byInput = remember((_: Input) => new Map<string, Output>());
  return (input, key) => {
    const results = byInput(input);
    const known = results.get(key);
    if (known !== undefined) return known;
    const output = compute(input, key);
    results.set(key, output);
    return output;
  };
}
