// The sequence browser: finds a sequence, shows what is known of it, and moves over its letters. Text is only ever set as text.

const part = (name) => document.getElementById(`browser-${name}`);
const [LEAST, MOST_ROWS, DEFAULT_TRACKS] = [10, 500, 4]; // letters shown at least, rows of the table, tracks drawn at first
const state = { index: null, found: [], sequence: null, view: { first: 0, count: 1, cursor: -1 }, tracks: new Set() };

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const options = (select, pairs) => select.replaceChildren(...pairs.map(([value, text]) => element("option", text, { value })));
const clipped = (text, most = 90) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);
const width = () => Math.max(part("part").clientWidth || part("shown").clientWidth, 120);
const chosenTracks = () => state.sequence.tracks.filter((track) => track.values && state.tracks.has(track.i));

function table(head, body, caption = "") {
  const made = element("table");
  if (caption) made.append(element("caption", caption));
  const top = element("tr");
  head.forEach(([title, kind]) => top.append(element("th", title, { scope: "col", class: kind ?? "text" })));
  const rowsMade = body.map((cells) => {
    const row = element("tr");
    cells.forEach((cell, i) => {
      const made = element("td", cell instanceof Node ? "" : cell, { class: head[i][1] ?? "text" });
      if (cell instanceof Node) made.append(cell);
      row.append(made);
    });
    return row;
  });
  const [thead, tbody] = [element("thead"), element("tbody")];
  thead.append(top);
  tbody.append(...rowsMade);
  made.append(thead, tbody);
  return made;
}

// --- which sequences

const outcome = (of) => (state.index.right[of] === null ? "unknown" : state.index.right[of] ? "right" : "wrong");
const sure = (of) => {
  const { index } = state;
  const share = index.shares[index.classes.indexOf(index.label_words[index.label[of]])];
  return share?.[of] ?? -1;
};
const best = (of) => Math.max(-Infinity, ...rows(state.index.regions, of).map((row) => state.index.regions.score[row] ?? -Infinity));
const ORDERS = {
  place: ["by place", null],
  sure: ["truth most probable first", (a, b) => sure(b) - sure(a)],
  unsure: ["truth least probable first", (a, b) => sure(a) - sure(b)],
  best: ["highest region first", (a, b) => best(b) - best(a) || 0],
};

function find() {
  const { index } = state;
  const fits = matching(index, part("search").value);
  const [label, split, right] = ["label", "split", "right"].map((name) => part(name).value);
  const scored = part("scored").value;
  const has = (column, value, of) => value === "" || index[column][of] === Number(value);
  state.found = index.id.map((_, of) => of).filter((of) => has("label", label, of) && has("split", split, of) && (right === "" || outcome(of) === right) && (scored === "" || index.tracks[scored].row.has(of)) && fits(of));
  const order = ORDERS[part("order").value][1];
  if (order) state.found.sort(order);
  const marks = { right: "✓", wrong: "✗", unknown: "·" };
  options(part("list"), state.found.map((of) => [of, `${marks[outcome(of)]} ${clipped(index.id[of])}`]));
  part("shown").hidden = !state.found.length;
  if (!state.found.length) part("count").textContent = "none fits";
  else if (!state.found.includes(state.sequence?.of)) choose(state.found[0]);
  else counted();
}

function counted() {
  const at = state.found.indexOf(state.sequence.of);
  part("list").value = String(state.sequence.of);
  part("count").textContent = `${whole(at + 1)} of ${whole(state.found.length)}${state.found.length < state.index.id.length ? ` that fit, ${whole(state.index.id.length)} in all` : ""}`;
  part("previous").disabled = at <= 0;
  part("next").disabled = at >= state.found.length - 1;
}

function step(by) {
  const next = state.found[state.found.indexOf(state.sequence.of) + by];
  if (next !== undefined) choose(next);
}

function choose(of) {
  state.sequence = { of, ...sequenceOf(state.index, of) };
  const high = state.sequence.regions.reduce((a, b) => ((b.score ?? -Infinity) > (a?.score ?? -Infinity) ? b : a), null);
  state.view = { first: 0, count: state.sequence.length, cursor: high ? high.start : 0 };
  counted();
  facts();
  trackBoxes();
  lists();
  toLetters(high ? (high.start + high.end) / 2 : 0);
}

// --- what is known of it

function facts() {
  const s = state.sequence;
  part("name").textContent = clipped(s.id, 200);
  const said = s.predicted === null ? "not predicted" : `${clipped(s.predicted)}, ${s.right ? "right" : "wrong"}`;
  const items = [
    ["Place", placeOf(s)],
    ["Class (truth)", clipped(s.label)],
    ["Prediction", said],
    ["Length", `${whole(s.length)} letters`],
    ["Split", s.split],
    ["Group", clipped(s.group)],
    ["Name", s.name && clipped(s.name)],
    ["Allele", s.allele && clipped(`${s.allele}${s.cigar ? ` (${s.cigar})` : ""}`)],
  ].filter(([, value]) => value);
  part("facts").replaceChildren(
    ...items.map(([term, value]) => {
      const pair = element("div", "", { class: term === "Prediction" && s.predicted !== null ? (s.right ? "right" : "wrong") : "" });
      pair.append(element("dt", term), element("dd", value));
      return pair;
    }),
  );
  const body = part("shares").tBodies[0];
  part("shares").hidden = s.predicted === null;
  part("shares").caption.textContent = `Probability of each class (${s.run})`;
  body.replaceChildren(
    ...state.index.classes.map((label, i) => {
      const [row, bar] = [element("tr"), element("div")];
      bar.style.width = `${(s.shares[i] || 0) * 100}%`;
      const cell = element("td", "", { class: "bar", "aria-hidden": "true" });
      cell.append(bar);
      const notes = [label === s.label && "truth", label === s.predicted && "predicted"].filter(Boolean).join(", ");
      row.append(element("td", clipped(label) + (notes ? ` (${notes})` : "")), element("td", number(s.shares[i]), { class: "number" }), cell);
      return row;
    }),
  );
}

function trackBoxes() {
  const boxes = state.sequence.tracks.map((track) => {
    const [label, box] = [element("label"), element("input", "", { type: "checkbox", value: track.i })];
    box.checked = state.tracks.has(track.i);
    box.disabled = track.values === null;
    box.addEventListener("change", () => {
      state.tracks[box.checked ? "add" : "delete"](track.i);
      draw();
    });
    label.append(box, element("span", "", { class: `swatch track-${track.i % 8}` }), ` ${clipped(track.name)}${track.values ? "" : " (not of this sequence)"}`);
    return label;
  });
  part("tracks").replaceChildren(element("legend", "Above the letters"), ...boxes);
}

function jump(start, end) {
  const button = element("button", `${whole(start)}–${whole(end)}`, { type: "button", "aria-label": `Show letters ${start} to ${end}` });
  button.addEventListener("click", () => {
    state.view.cursor = start;
    toLetters((start + end) / 2);
    part("part").scrollIntoView({ block: "center" });
  });
  return button;
}

function lists() {
  const s = state.sequence;
  const signals = state.index.means.signal_words;
  const near = ({ name, distance }) => (distance ? `${clipped(name)} (${whole(distance)} bases away)` : clipped(name));
  fill("regions", "region", [["Letters"], ["Genome"], ["Mean score", "number"], ...signals.map((name) => [clipped(name), "number"]), ["Genes"]], s.regions, (r) => [
    jump(r.start, r.end),
    spanOf(r.start, r.end),
    number(r.score),
    ...signals.map((name) => number(r.means.find(({ signal }) => signal === name)?.mean)),
    r.genes.map(near).join(", ") || "–",
  ]);
  fill("hits", "motif hit", [["Letters"], ["Motif"], ["Strand"], ["p-value", "number"]], s.hits, (h) => [
    jump(h.start, h.end),
    h.name === h.motif ? clipped(h.name) : `${clipped(h.name)} (${clipped(h.motif)})`,
    h.strand,
    number(h.p),
  ], s.allHits);
  fill("variants", "harmful substitution", [["Letter"], ["Change"], ["Score", "number"], ["Gene"], ["Model", "number"]], s.variants, (v) => [
    jump(v.at, v.at + 1),
    `${s.chrom}:${v.start} ${v.ref}>${v.alt}`,
    `${number(v.score)} (${clipped(v.scores)})`,
    [v.gene, v.change].filter(Boolean).map((word) => clipped(word)).join(" ") || "–",
    number(v.model_change),
  ]);
}

function fill(name, what, head, items, cells, all = items.length) {
  const box = part(name);
  const some = all > items.length ? `, the ${items.length} with the lowest p-values` : "";
  box.querySelector("summary").textContent = `${whole(all)} ${what}${all === 1 ? "" : "s"}${some}`;
  box.hidden = !items.length;
  box.querySelector(".browser-scroll").replaceChildren(table(head, items.map(cells)));
}

function spanOf(start, end) {
  const { places, chrom, strand } = state.sequence;
  const known = places.slice(start, end).filter((place) => place !== null);
  return known.length ? `${chrom}:${Math.min(...known)}-${Math.max(...known) + 1} (${strand ?? "."})` : "–";
}

// --- the shown part

function move(first, count = state.view.count) {
  const { length } = state.sequence;
  state.view.count = Math.round(Math.min(Math.max(count, Math.min(LEAST, length)), length));
  state.view.first = Math.round(Math.min(Math.max(first, 0), length - state.view.count));
  draw();
}

const toLetters = (middle) => {
  const count = Math.floor(width() / 11);
  move(middle - count / 2, count);
};
const zoom = (factor, middle = state.view.first + state.view.count / 2) => {
  const share = (middle - state.view.first) / state.view.count;
  const count = Math.min(Math.max(state.view.count * factor, LEAST), state.sequence.length);
  move(middle - share * count, count);
};

function point(at) {
  const { view, sequence } = state;
  view.cursor = Math.min(Math.max(at, 0), sequence.length - 1);
  if (view.cursor < view.first) move(view.cursor);
  else if (view.cursor >= view.first + view.count) move(view.cursor - view.count + 1);
  else draw();
}

function said(at) {
  const s = state.sequence;
  const place = s.places[at] === null ? "" : ` (${s.chrom}:${s.places[at]}, ${s.strand ?? "."})`;
  const values = chosenTracks().map((track) => `${track.name} ${number(track.values[at])}`);
  const inside = s.regions.some(({ start, end }) => at >= start && at < end) ? ["in a region"] : [];
  const motifs = s.hits.filter(({ start, end }) => at >= start && at < end).map(({ name }) => name);
  return `Letter ${whole(at)}${place}: ${s.letters[at]}; ${[...values, ...inside, ...motifs.slice(0, 6)].join("; ")}`;
}

let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawNow();
  });
}

function drawNow() {
  const { sequence: s, view } = state;
  if (!s) return;
  const tracks = chosenTracks();
  drawWhole(part("whole"), s, tracks[0] ?? s.tracks.find((track) => track.values), view, width());
  const left = drawPart(part("part"), s, tracks, view, width());
  const end = view.first + view.count;
  part("window").textContent = `letters ${whole(view.first)} to ${whole(end)} of ${whole(s.length)}${left ? `; ${left} more hits have no room` : ""}`;
  const slider = { "aria-valuemax": s.length - view.count, "aria-valuenow": view.first, "aria-valuetext": `letters ${view.first} to ${end} of ${s.length}` };
  for (const [key, value] of Object.entries(slider)) part("whole").setAttribute(key, value);
  const words = said(view.cursor);
  part("base").textContent = words;
  for (const [key, value] of Object.entries({ "aria-valuemax": s.length - 1, "aria-valuenow": view.cursor, "aria-valuetext": words })) part("part").setAttribute(key, value);
  if (part("table").open) letterTable();
}

const HEAD = ["letter", "genome", "base"];
function letterRow(at) {
  const s = state.sequence;
  return [String(at), s.places[at] === null ? "–" : `${s.chrom}:${s.places[at]}`, s.letters[at]];
}

function letterTable() {
  const { sequence: s, view } = state;
  const tracks = chosenTracks();
  const head = [["Letter", "number"], ["Genome"], ["Base", "letters"], ...tracks.map(({ name }) => [clipped(name), "number"]), ["Region"], ["Motif hits"]];
  const last = Math.min(view.first + view.count, view.first + MOST_ROWS);
  const body = Array.from({ length: last - view.first }, (_, i) => view.first + i).map((at) => [
    ...letterRow(at),
    ...tracks.map((track) => number(track.values[at])),
    s.regions.some(({ start, end }) => at >= start && at < end) ? "yes" : "",
    s.hits.filter(({ start, end }) => at >= start && at < end).map(({ name }) => name).join(", "),
  ]);
  const caption = `Letters ${whole(view.first)} to ${whole(last)} of ${clipped(s.id)}; zoom in or move to see others.`;
  part("table").querySelector(".browser-scroll").replaceChildren(table(head, body, caption));
}

// A cell that a spreadsheet would take for a formula begins with an apostrophe.
const cell = (text) => (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text).replace(/[\t\r\n]/g, " ");

function save() {
  const s = state.sequence;
  const tracks = s.tracks.filter(({ values }) => values);
  const lines = [[...HEAD, ...tracks.map(({ name }) => name)]];
  for (let at = 0; at < s.length; at++) lines.push([...letterRow(at), ...tracks.map(({ values }) => (Number.isNaN(values[at]) ? "" : String(values[at])))]);
  const text = lines.map((line) => line.map(cell).join("\t")).join("\n");
  const address = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/tab-separated-values" }));
  element("a", "", { href: address, download: `${s.id.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 80)}.tsv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// --- hands

function keys(event, actions) {
  const action = !event.ctrlKey && !event.metaKey && !event.altKey && actions[event.key];
  if (!action) return;
  event.preventDefault();
  action(event.shiftKey);
}

const ZOOMS = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2) };

function listen() {
  for (const name of ["search", "label", "split", "right", "scored", "order"]) part(name).addEventListener("input", find);
  part("list").addEventListener("change", () => choose(Number(part("list").value)));
  const presses = {
    previous: () => step(-1),
    next: () => step(1),
    left: () => move(state.view.first - state.view.count / 2),
    "right-move": () => move(state.view.first + state.view.count / 2),
    in: () => zoom(0.5),
    out: () => zoom(2),
    letters: () => toLetters(state.view.first + state.view.count / 2),
    all: () => move(0, state.sequence.length),
    save,
  };
  for (const [name, action] of Object.entries(presses)) part(name).addEventListener("click", action);
  part("table").addEventListener("toggle", drawNow);
  part("whole").addEventListener("keydown", (event) => {
    const { first, count } = state.view;
    keys(event, { ArrowLeft: () => move(first - Math.max(1, count / 10)), ArrowRight: () => move(first + Math.max(1, count / 10)), PageUp: () => move(first - count), PageDown: () => move(first + count), Home: () => move(0), End: () => move(state.sequence.length), ...ZOOMS });
  });
  part("part").addEventListener("keydown", (event) => {
    const { cursor, count } = state.view;
    keys(event, { ArrowLeft: (far) => point(cursor - (far ? 10 : 1)), ArrowRight: (far) => point(cursor + (far ? 10 : 1)), PageUp: () => point(cursor - count), PageDown: () => point(cursor + count), Home: () => point(0), End: () => point(state.sequence.length - 1), ...ZOOMS });
  });
  drags();
  new ResizeObserver(draw).observe(part("shown"));
}

const share = (event, svg) => (event.clientX - svg.getBoundingClientRect().left) / Math.max(svg.getBoundingClientRect().width, 1);

function drags() {
  const [overview, detail] = [part("whole"), part("part")];
  const centre = (event) => move(share(event, overview) * state.sequence.length - state.view.count / 2);
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    centre(event);
  });
  overview.addEventListener("pointermove", (event) => overview.hasPointerCapture(event.pointerId) && centre(event));
  let held = null;
  detail.addEventListener("pointerdown", (event) => {
    detail.setPointerCapture(event.pointerId);
    held = { at: share(event, detail), first: state.view.first };
  });
  detail.addEventListener("pointermove", (event) => {
    if (held) move(held.first - (share(event, detail) - held.at) * state.view.count);
    else point(state.view.first + Math.floor(Math.min(share(event, detail), 0.9999) * state.view.count));
  });
  for (const name of ["pointerup", "pointercancel"]) detail.addEventListener(name, () => (held = null));
  detail.addEventListener("wheel", (event) => {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
    if (!sideways && !event.ctrlKey) return;
    event.preventDefault();
    if (sideways) move(state.view.first + Math.sign(sideways) * Math.max(1, (Math.abs(sideways) / width()) * state.view.count));
    else zoom(event.deltaY > 0 ? 1.25 : 0.8, state.view.first + share(event, detail) * state.view.count);
  }, { passive: false });
}

async function begin() {
  const index = (state.index = await unpack(document.getElementById("browser-data").textContent));
  const every = (words) => [["", "all"], ...words.map((text, i) => [i, clipped(text, 60)])];
  options(part("label"), every(index.label_words));
  options(part("split"), every(index.split_words));
  options(part("right"), [["", "all"], ["right", "right"], ["wrong", "wrong"], ["unknown", "not predicted"]]);
  const partial = index.tracks.map(({ name, row }, i) => [i, clipped(name, 60), row.size]).filter(([, , n]) => n < index.id.length);
  options(part("scored"), [["", "anything"], ...partial]);
  part("scored").parentElement.hidden = !partial.length;
  options(part("order"), Object.entries(ORDERS).map(([value, [text]]) => [value, text]));
  index.tracks.slice(0, DEFAULT_TRACKS).forEach((_, i) => state.tracks.add(i));
  part("absent").hidden = true;
  part("tool").hidden = false;
  state.sequence = { of: index.begin };
  find();
  choose(index.begin);
  listen();
}

if (document.getElementById("browser-data") && "DecompressionStream" in window) {
  const start = () => begin().catch((error) => (part("absent").textContent = `The browser could not be opened: ${error.message}`));
  "requestIdleCallback" in window ? requestIdleCallback(start, { timeout: 1500 }) : setTimeout(start, 200);
}
