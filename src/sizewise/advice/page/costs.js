// The same interval arithmetic as costs.py: a test holds the two together on random answers.
"use strict";
const SizewiseCosts = (() => {
  const sum = (a, b) => [a[0] + b[0], a[1] + b[1]];
  const product = (a, b) => [a[0] * b[0], a[1] * b[1]];

  const of = (assumed, name, kind) => {
    const entry = assumed.entries[name];
    if (entry.range) return entry.range;
    if (kind && entry.by_kind[kind]) return entry.by_kind[kind];
    const ranges = Object.values(entry.by_kind);
    return [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))];
  };

  const calls = (volume, kind, assumed) => {
    const [ins, outs] = [of(assumed, "tokens_in", kind), of(assumed, "tokens_out", kind)];
    return [
      (volume[0] * (ins[0] * assumed.cheap[0] + outs[0] * assumed.cheap[1])) / 1e6,
      (volume[1] * (ins[1] * assumed.dear[0] + outs[1] * assumed.dear[1])) / 1e6,
    ];
  };

  const machines = (volume, assumed, which) => {
    const [price, capacity] = [of(assumed, `${which}_machine`), of(assumed, `${which}_capacity`)];
    return [price[0] * Math.max(1, volume[0] / capacity[1]), price[1] * Math.max(1, volume[1] / capacity[0])];
  };

  const monthly = (answers, assumed) => {
    const given = answers.volume;
    const volume = given === undefined || given === null ? assumed.volumes : [given, given];
    const closed = answers.perimeter === "closed";
    const large = closed ? machines(volume, assumed, "own_large") : calls(volume, answers.output, assumed);
    const small = machines(volume, assumed, "small");
    const [covered, hour] = [of(assumed, "covered"), of(assumed, "hour")];
    const building = product(of(assumed, "building"), hour).map((x) => x * (1 / assumed.months_of_building));
    const people = {
      small: sum(product(of(assumed, "upkeep_small"), hour), building),
      cascade: sum(product(of(assumed, "upkeep_cascade"), hour), building),
      large: product(of(assumed, closed ? "upkeep_own_large" : "upkeep_large"), hour),
    };
    const passedOn = product([1 - covered[1], 1 - covered[0]], large);
    const ways = { small, cascade: sum(small, passedOn), large };
    return Object.entries(ways).map(([way, cost]) => ({ way, total: sum(cost, people[way]), people: people[way] }));
  };

  return { monthly };
})();
