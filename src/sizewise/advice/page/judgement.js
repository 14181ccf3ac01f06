// The same arithmetic as judgement.py: a test holds the two together on random answers.
"use strict";
const Sizewise = (() => {
  const reach = (question) => {
    const points = question.options.length ? question.options.map((o) => o.points) : question.scale.map((s) => s[1]);
    return [Math.min(...points), Math.max(...points)];
  };

  const points = (question, answer) => {
    if (question.options.length) return question.options.find((o) => o.id === answer).points;
    const scale = question.scale;
    if (answer <= scale[0][0]) return scale[0][1];
    for (let i = 1; i < scale.length; i += 1) {
      const [[x0, y0], [x1, y1]] = [scale[i - 1], scale[i]];
      if (answer <= x1) return y0 + ((y1 - y0) * (Math.log(answer) - Math.log(x0))) / (Math.log(x1) - Math.log(x0));
    }
    return scale[scale.length - 1][1];
  };

  const region = (low, high, borders) => {
    if (low >= borders.small) return "small";
    if (low >= borders.cascade) return "cascade";
    return high <= borders.large ? "large" : "measure-first";
  };

  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

  const judge = (answers, rules) => {
    const contributions = rules.questions.map((question) => {
      const answer = answers[question.id];
      if (answer === undefined || answer === null) {
        const [low, high] = reach(question);
        return { question: question.id, answer: null, low, high };
      }
      const worth = points(question, answer);
      return { question: question.id, answer, low: worth, high: worth };
    });
    const low = total(contributions.map((c) => c.low));
    const high = total(contributions.map((c) => c.high));
    const lowest = total(rules.questions.map((q) => reach(q)[0]));
    const highest = total(rules.questions.map((q) => reach(q)[1]));
    const unknown = contributions.filter((c) => c.answer === null);
    const perimeter = answers.perimeter;
    return {
      advice: region(low, high, rules.borders),
      large_where: perimeter === "closed" ? "own" : perimeter === undefined || perimeter === null ? "either" : "api",
      low, high, lowest, highest,
      certainty: 1 - (high - low) / (highest - lowest),
      contributions,
      contradictions: rules.contradictions.flatMap((c, i) =>
        Object.entries(c.when).every(([name, value]) => answers[name] === value) ? [i] : []),
      risks: rules.risks.flatMap((risk) => {
        const when = Object.entries(risk.when);
        const certain = !when.length || when.some(([name, values]) => values.includes(answers[name]));
        const open = when.some(([name]) => answers[name] === undefined || answers[name] === null);
        return certain || open ? [{ id: risk.id, way: risk.way, certain }] : [];
      }),
      settle: unknown.slice().sort((a, b) => (a.low - a.high) - (b.low - b.high)).map((c) => c.question),
    };
  };

  return { judge };
})();
