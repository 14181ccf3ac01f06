// The questionnaire itself: draws questions and advice from the data in the page, in either language.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { rules, words, assumed } = data;
  const answers = { ...data.answers };
  let language = data.language;
  let currency = data.currency;
  const byId = (id) => document.getElementById(id);

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const say = (name, values = {}) =>
    words[language][name].replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
  const tens = (number) => {
    const text = Math.abs(number).toFixed(1).replace(/\.0$/, "");
    const sign = text === "0" ? "" : number > 0 ? "+" : "\u2212";
    return sign + (language === "ru" ? text.replace(".", ",") : text);
  };
  const money = (usd) => {
    const { per_usd: rate, symbol } = assumed.currencies[currency];
    const value = usd * rate;
    const digits = Math.max(0, String(Math.trunc(value)).length - 2);
    const rounded = value >= 1 ? Math.round(value / 10 ** digits) * 10 ** digits : value === 0 ? 0 : 1;
    const grouped = String(rounded).replace(/\B(?=(\d{3})+$)/g, language === "ru" ? "\u00a0" : ",");
    return language === "ru" ? `${grouped}\u00a0${symbol}` : `${symbol}${grouped}`;
  };

  const drawQuestion = (question) => {
    const set = make("fieldset", { id: `question-${question.id}` });
    set.append(make("legend", {}, question.text[language]));
    if (question.options.length) {
      const choices = [...question.options.map((o) => [o.id, o.text[language], o.points]), ["", say("unknown"), null]];
      for (const [id, text, worth] of choices) {
        const input = make("input", { type: "radio", name: question.id, value: id });
        input.checked = (answers[question.id] ?? "") === id;
        input.addEventListener("change", () => answer(question.id, id || null));
        const label = make("label", {}, input, ` ${text} `);
        if (worth !== null) label.append(make("small", {}, tens(worth)));
        set.append(label);
      }
    } else {
      const input = make("input", { type: "number", min: "0", step: "any", inputmode: "numeric", name: question.id,
        "aria-label": question.text[language], "aria-describedby": `hint-${question.id}` });
      if (answers[question.id] !== undefined) input.value = String(answers[question.id]);
      input.addEventListener("input", () => {
        const number = input.valueAsNumber;
        answer(question.id, Number.isFinite(number) && number >= 0 ? number : null);
      });
      set.append(input, make("small", { id: `hint-${question.id}` }, ` ${say("number_hint")}`));
    }
    set.append(make("p", { class: "why" }, question.reason[language]));
    return set;
  };

  const answer = (id, value) => {
    if (value === null) delete answers[id];
    else answers[id] = value;
    drawAdvice();
  };

  const adviceText = (judged) => {
    const name = `advice_${judged.advice}`;
    const own = `${name}_${judged.large_where}`;
    return say(["cascade", "large"].includes(judged.advice) && own in words[language] ? own : name);
  };

  const drawScale = (judged) => {
    const at = (score) => `${(100 * (score - judged.lowest)) / (judged.highest - judged.lowest)}%`;
    const scale = make("div", { class: "scale", role: "img", "aria-label": byId("score").textContent });
    for (const [name, border] of Object.entries(rules.borders)) {
      const mark = make("span", { class: `border border-${name}` });
      mark.style.setProperty("left", at(border));
      scale.append(mark);
    }
    const bar = make("span", { class: "interval" });
    bar.style.setProperty("left", at(judged.low));
    bar.style.setProperty("width", `max(4px, ${(100 * (judged.high - judged.low)) / (judged.highest - judged.lowest)}%)`);
    scale.append(bar);
    return scale;
  };

  const list = (id, items) => {
    byId(id).replaceChildren(...items.map((item) => make("li", {}, item)));
  };

  const nextStep = (judged) => {
    const { data: have, today, output } = answers;
    if (have === "plenty" || today === "llm_logged") {
      return ["fields", "short", "text"].includes(output)
        ? ["next_log_other", "sizewise check LOG.jsonl"] : ["next_log", "sizewise decide LOG.jsonl --out run"];
    }
    if (have === "hundreds") return ["next_hundreds", "sizewise check LOG.jsonl"];
    if (judged.advice === "large" || have === "none") return ["next_models", "sizewise models --fits"];
    if (have === "recordable" || today === "llm" || today === "people") return ["next_record", "sizewise check LOG.jsonl"];
    return ["next_demo", "sizewise demo"];
  };

  const drawAdvice = () => {
    const judged = Sizewise.judge(answers, rules);
    byId("advice").textContent = adviceText(judged);
    byId("advice").dataset.advice = judged.advice;
    const values = { low: judged.low, high: judged.high, lowest: judged.lowest, highest: judged.highest, ...rules.borders };
    const written = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tens(value)]));
    byId("score").textContent = say(judged.low === judged.high ? "score_exact" : "score", written);
    byId("scale").replaceChildren(drawScale(judged));
    byId("certainty").textContent = say("certainty", { certainty: Math.round(100 * judged.certainty),
      answered: judged.contributions.filter((c) => c.answer !== null).length, questions: rules.questions.length });
    byId("opinion").textContent = say("opinion");
    list("contradictions", judged.contradictions.length
      ? judged.contradictions.map((i) => rules.contradictions[i].text[language]) : [say("no_contradictions")]);
    byId("costs").replaceChildren(...SizewiseCosts.monthly(answers, assumed).map((cost) => {
      const own = cost.way === "large" && judged.large_where === "own" ? "way_large_own" : `way_${cost.way}`;
      const range = (ends) => `${money(ends[0])} \u2013 ${money(ends[1])}`;
      return make("tr", {}, make("th", { scope: "row" }, say(own)), make("td", {}, range(cost.total)), make("td", {}, range(cost.people)));
    }));
    const { per_usd: perUsd, source, date } = assumed.currencies[currency];
    const shown = language === "ru" ? String(perUsd).replace(".", ",") : String(perUsd);
    const rate = currency === "USD" ? "" : say("rate", { per_usd: shown, name: currency, source, date });
    byId("costs-note").textContent = say("costs_note", { vat: assumed.vat[language], rate });
    list("risks", judged.risks.map((found) => {
      const risk = rules.risks.find((r) => r.id === found.id && r.way === found.way);
      return `${say(`way_${found.way}`)}: ${risk.text[language]}${found.certain ? "" : ` (${say("possible")})`}`;
    }));
    list("settle", judged.settle.slice(0, 3).map((id) => {
      const question = rules.questions.find((q) => q.id === id);
      return `${question.text[language]} ${question.find_out[language]}`;
    }));
    byId("settle-section").hidden = !judged.settle.length;
    const [reason, command] = nextStep(judged);
    byId("next-why").textContent = say(reason);
    byId("next-command").textContent = command;
    byId("weights").replaceChildren(...judged.contributions.map((c) => {
      const question = rules.questions.find((q) => q.id === c.question);
      const option = question.options.find((o) => o.id === c.answer);
      const shown = c.answer === null ? say("unknown") : option ? option.text[language] : String(c.answer);
      const worth = c.low === c.high ? tens(c.low) : `${tens(c.low)} \u2026 ${tens(c.high)}`;
      return make("tr", {}, make("th", { scope: "row" }, question.text[language]), make("td", {}, shown),
        make("td", {}, worth), make("td", {}, question.reason[language]), make("td", {}, rules.sources[question.source]));
    }));
  };

  const toml = () => {
    const lines = [`# Sizewise, rules of ${rules.date}`, "[answers]"];
    for (const question of rules.questions) {
      const value = answers[question.id];
      lines.push(`${question.id} = ${value === undefined ? '"unknown"' : typeof value === "number" ? value : JSON.stringify(value)}`);
    }
    return `${lines.join("\n")}\n`;
  };

  const save = () => {
    const url = URL.createObjectURL(new Blob([toml()], { type: "text/plain" }));
    const link = make("a", { href: url, download: "questionnaire.toml" });
    link.click();
    URL.revokeObjectURL(url);
  };

  const load = async (file) => {
    const found = {};
    try {
      for (const line of (await file.text()).split(/\r?\n/)) {
        const match = /^\s*(\w+)\s*=\s*(?:"([^"]*)"|([0-9.eE+_]+))\s*(?:#.*)?$/.exec(line);
        if (!match) continue;
        const question = rules.questions.find((q) => q.id === match[1]);
        if (!question) throw new Error(match[1]);
        const value = match[3] === undefined ? match[2] : Number(match[3].replaceAll("_", ""));
        if (value === "unknown" || value === "") continue;
        const right = question.options.length ? question.options.some((o) => o.id === value) : typeof value === "number" && value >= 0;
        if (!right) throw new Error(line.trim());
        found[question.id] = value;
      }
    } catch (problem) {
      byId("problem").textContent = say("load_failed", { problem: problem.message });
      return;
    }
    byId("problem").textContent = "";
    for (const name of Object.keys(answers)) delete answers[name];
    Object.assign(answers, found);
    draw();
  };

  const draw = () => {
    document.documentElement.lang = language;
    document.title = say("title");
    for (const element of document.querySelectorAll("[data-say]")) {
      element.textContent = say(element.dataset.say, { date: rules.date });
    }
    byId("questions").replaceChildren(...rules.questions.map(drawQuestion));
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
    drawAdvice();
  };

  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => { language = button.dataset.language; draw(); });
  }
  byId("currency").append(...Object.keys(assumed.currencies).map((name) => make("option", { value: name }, name)));
  byId("currency").value = currency;
  byId("currency").addEventListener("change", (event) => { currency = event.target.value; drawAdvice(); });
  byId("save").addEventListener("click", save);
  byId("load").addEventListener("change", (event) => event.target.files[0] && load(event.target.files[0]));
  byId("form").addEventListener("submit", (event) => event.preventDefault());
  draw();
})();
