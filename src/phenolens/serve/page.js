"use strict";
// Names and other text from files get into the page as text only, never as HTML.

const MEANING = {
  alrw: "ALRW: how much attention the token from which the class is read pays to each base. Where a model looks, whatever the class; not a proof that the base matters.",
  integrated_gradients: "Integrated gradients: what each base adds to the class against a sequence without content. Up speaks for the class, down against it.",
  gradient_x_input: "Gradient times input: how steeply the class changes with each base as it is. Up speaks for the class, down against it.",
  occlusion: "Occlusion: how much the class loses when ten bases around a place are hidden. Up speaks for the class, down against it.",
  mutagenesis: "In-silico mutagenesis: how much the class loses on average when a base becomes another one. Up speaks for the class, down against it.",
};
const WORDS = { alrw: "ALRW (attention)", integrated_gradients: "integrated gradients", gradient_x_input: "gradient x input", occlusion: "occlusion", mutagenesis: "mutagenesis" };
const CELL = 10, BARS = 36, ROW = 50; // of the drawing: width of a letter, height of the bars, of bars and letters
const NARROWEST = 11.5; // pixels of a letter
const SVG = "http://www.w3.org/2000/svg";

const at = (id) => document.getElementById(id);
let classes = [];
let shown = { records: [], rows: [], chosen: null, scores: null };
let asking = new AbortController();

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

async function ask(path, body) {
  asking.abort();
  asking = new AbortController();
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: asking.signal });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

async function working(sentence, work) {
  at("problem").hidden = true;
  at("status").textContent = sentence;
  at("classify").disabled = true;
  let left = false;
  try {
    at("status").textContent = await work();
  } catch (error) {
    left = error.name === "AbortError"; // another question took its place
    if (!left) {
      at("status").textContent = "";
      at("problem").textContent = error instanceof TypeError ? "phenolens does not answer; does it still run?" : error.message;
      at("problem").hidden = false;
    }
  }
  if (!left) at("classify").disabled = false;
}

// ---- sequences ----

function records(text) {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.join("\n").split(/^>/m).slice(1).map((record) => {
    const [head, ...rest] = record.split("\n");
    return { name: head.trim().split(/\s/)[0], sequence: rest.join("") };
  });
}

async function read(file) {
  const stream = /\.gz$/i.test(file.name) ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  at("fasta").value = await new Response(stream).text();
}

function classify() {
  const given = at("fasta").value;
  const text = /^\s*>/.test(given) || !given.trim() ? given : `>pasted\n${given}`;
  return working("Asking the model ...", async () => {
    const found = await ask("api/predict", { fasta: text, both_strands: at("both").checked, raw: at("raw").checked });
    shown = { records: records(text), rows: found.sequences, chosen: null, scores: null };
    const kind = found.calibrated ? "Calibrated probabilities" : "Probabilities, not calibrated";
    at("classes-note").textContent = [`${kind}${at("both").checked ? ", mean of both strands" : ""}. Choose a sequence to see what the model reads in it.`, ...found.notes].join(" ");
    showClasses();
    at("scores").hidden = true;
    if (shown.rows.length === 1) setTimeout(() => choose(0));
    return `${shown.rows.length.toLocaleString("en")} ${shown.rows.length === 1 ? "sequence" : "sequences"} classified.`;
  });
}

// ---- classes ----

function showClasses() {
  const head = element("tr", null);
  head.append(element("th", "sequence", { scope: "col" }), element("th", "bases", { scope: "col", class: "number" }), element("th", "class", { scope: "col" }));
  head.append(...classes.map((name) => element("th", `p of ${name}`, { scope: "col", colspan: 2 })));
  at("classes").querySelector("thead").replaceChildren(head);
  at("classes").querySelector("tbody").replaceChildren(...shown.rows.map((row, i) => {
    const line = element("tr", null), name = element("th", null, { scope: "row" });
    const button = element("button", row.sequence_id, { type: "button", "aria-controls": "scores" });
    button.addEventListener("click", () => choose(i));
    name.append(button);
    line.append(name, element("td", shown.records[i].sequence.length.toLocaleString("en"), { class: "number" }), element("td", row.predicted ?? "cannot be read"));
    for (const label of classes) {
      const p = row.probabilities[label], cell = element("td", null, { class: "bars" }), bar = element("span", null, { class: "bar" }), part = element("span", null);
      part.style.width = `${100 * (p ?? 0)}%`;
      bar.append(part);
      if (p !== null) cell.append(bar);
      line.append(element("td", p === null ? "" : p.toFixed(3), { class: "p" }), cell);
    }
    return line;
  }));
  at("classes").hidden = false;
}

// ---- base scores ----

function choose(i) {
  shown.chosen = i;
  at("classes").querySelectorAll("tbody tr").forEach((line, j) => line.classList.toggle("chosen", i === j));
  at("scores-title").textContent = `What the model reads in ${shown.rows[i].sequence_id}`;
  at("scores").hidden = false;
  at("scores-title").focus();
  return explain();
}

function explain() {
  const method = at("method").value, { sequence } = shown.records[shown.chosen];
  at("meaning").textContent = MEANING[method] ?? "";
  at("target-label").hidden = method === "alrw";
  at("drawn").hidden = true;
  return working(`Scoring ${sequence.length.toLocaleString("en")} bases ...`, async () => {
    const found = await ask("api/explain", { sequences: [sequence], method, target: at("target").value || null });
    shown.scores = found.sequences[0].scores;
    showScores(found.sequences[0].explains);
    return "";
  });
}

function showScores(explains) {
  const { sequence } = shown.records[shown.chosen], scores = shown.scores;
  const read = scores.filter((score) => score !== null);
  const best = scores.reduce((found, score, i) => (score !== null && (found < 0 || score > scores[found]) ? i : found), -1);
  const parts = read.length ? [`Highest at base ${best} (${sequence[best]}): ${scores[best]}.`] : [];
  if (explains) parts.unshift(`The scores explain the class ${explains}.`);
  if (read.length < scores.length) parts.push(`${(scores.length - read.length).toLocaleString("en")} bases, drawn on grey, are not read by the model.`);
  at("summary").textContent = `${parts.join(" ")} Bases are counted from 0.`;
  at("drawn").hidden = false;
  draw();
  Object.assign(at("base"), { max: scores.length - 1, value: Math.max(best, 0) });
  pointAt(Math.max(best, 0));
}

function lettersInARow() {
  return Math.max(10, Math.min(100, Math.floor(at("letters").clientWidth / NARROWEST / 10) * 10));
}

function draw() {
  const { sequence } = shown.records[shown.chosen], scores = shown.scores, width = lettersInARow();
  const largest = Math.max(...[0].concat(scores.map((score) => Math.abs(score ?? 0)))) || 1;
  const signed = scores.some((score) => score < 0), zero = signed ? BARS / 2 + 8 : BARS + 8;
  const unit = (signed ? BARS / 2 : BARS) / largest;
  const lines = [];
  for (let first = 0; first < sequence.length; first += width) {
    const letters = sequence.slice(first, first + width);
    const bars = { for: "", against: "", unread: "" };
    [...letters].forEach((_, i) => {
      const score = scores[first + i], x = i * CELL + 1;
      if (score === null) bars.unread += `M${i * CELL} 8h${CELL}V${ROW + 8}h-${CELL}z`;
      else bars[score < 0 ? "against" : "for"] += `M${x} ${zero}h${CELL - 2}v${-score * unit}h${2 - CELL}z`;
    });
    const svg = drawn("svg", { viewBox: `0 0 ${width * CELL} ${ROW + 9}`, "data-first": first });
    for (const [kind, path] of Object.entries(bars)) if (path) svg.append(drawn("path", { d: path, class: kind }));
    svg.append(
      drawn("path", { d: `M0 ${zero}H${letters.length * CELL}`, class: "zero" }),
      drawn("text", { x: 0, y: 6, class: "place" }, String(first)),
      drawn("text", { x: [...letters].map((_, i) => i * CELL + CELL / 2).join(" "), y: ROW + 5 }, letters),
    );
    lines.push(svg);
  }
  at("letters").replaceChildren(...lines);
  at("letters").dataset.width = width;
}

function pointAt(i) {
  const { sequence } = shown.records[shown.chosen], width = Number(at("letters").dataset.width);
  at("letters").querySelector(".here")?.remove();
  at("letters").children[Math.floor(i / width)].append(drawn("rect", { x: (i % width) * CELL, y: 8, width: CELL, height: ROW, rx: 1.5, class: "here" }));
  at("readout").textContent = `${i}, ${sequence[i]}: ${shown.scores[i] ?? "not read"}`;
}

function underPointer(event) {
  const svg = event.target.closest("svg");
  if (!svg) return;
  const box = svg.getBoundingClientRect(), width = Number(at("letters").dataset.width);
  const i = Number(svg.dataset.first) + Math.min(width - 1, Math.floor(((event.clientX - box.left) / box.width) * width));
  if (i >= shown.scores.length) return;
  at("base").value = i;
  pointAt(i);
}

// ---- files ----

function save(name, rows) {
  // a spreadsheet would calculate a name that begins like a formula
  const text = rows.map((row) => row.map((cell) => (typeof cell === "string" && /^[=+\-@]/.test(cell) ? `'${cell}` : cell ?? "")).join("\t")).join("\n");
  const link = element("a", null, { href: URL.createObjectURL(new Blob([`${text}\n`], { type: "text/tab-separated-values" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function saveClasses() {
  const rows = shown.rows.map((row) => [row.sequence_id, row.predicted, ...classes.map((label) => row.probabilities[label])]);
  save("classes.tsv", [["sequence_id", "predicted", ...classes.map((label) => `p_${label}`)], ...rows]);
}

function saveScores() {
  const { name, sequence } = shown.records[shown.chosen];
  save("scores.tsv", [["sequence_id", "position", "base", at("method").value], ...[...sequence].map((base, i) => [name, i, base, shown.scores[i]])]);
}

// ---- start ----

async function begin() {
  const model = await (await fetch("api/model")).json();
  classes = model.classes;
  document.title = `${model.model} - phenolens`;
  const runs = model.runs > 1 ? `the average of ${model.runs} runs` : "one model";
  at("about").textContent = `${model.model}: ${runs}, ${model.calibrated ? "calibrated on its own run" : "not calibrated"}. Classes: ${classes.join(", ")}. It reads at most ${model.tokens.most.toLocaleString("en")} tokens of a sequence.`;
  at("limits").textContent = `At most ${model.limits.sequences.toLocaleString("en")} sequences and ${model.limits.bases.toLocaleString("en")} bases at a time.`;
  at("notes").replaceChildren(...model.notes.map((note) => element("li", note)));
  at("notes").hidden = !model.notes.length;
  at("raw-label").hidden = !model.calibrated;
  at("method").replaceChildren(...model.methods.map((name) => element("option", WORDS[name] ?? name, { value: name })));
  at("target").replaceChildren(element("option", "the predicted one", { value: "" }), ...classes.map((name) => element("option", name, { value: name })));
}

at("form").addEventListener("submit", (event) => { event.preventDefault(); classify(); });
at("file").addEventListener("change", (event) => event.target.files[0] && working("Reading the file ...", async () => { await read(event.target.files[0]); return ""; }));
at("fasta").addEventListener("dragover", (event) => event.preventDefault());
at("fasta").addEventListener("drop", (event) => {
  if (!event.dataTransfer.files[0]) return;
  event.preventDefault();
  read(event.dataTransfer.files[0]);
});
at("method").addEventListener("change", explain);
at("target").addEventListener("change", explain);
at("base").addEventListener("input", (event) => pointAt(Number(event.target.value)));
at("letters").addEventListener("pointermove", underPointer);
at("letters").addEventListener("pointerdown", underPointer);
at("classes-tsv").addEventListener("click", saveClasses);
at("scores-tsv").addEventListener("click", saveScores);
addEventListener("resize", () => {
  if (shown.scores && !at("drawn").hidden && lettersInARow() !== Number(at("letters").dataset.width)) { draw(); pointAt(Number(at("base").value)); }
});
working("", async () => { await begin(); return ""; });
