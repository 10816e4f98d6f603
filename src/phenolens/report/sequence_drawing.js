// Draws a sequence as SVG: the whole of it as a profile, and the shown part with scores, letters, regions, motif hits and variants.

const [TRACK, SIGNAL, CAPTION, ROW, LANES] = [56, 34, 16, 15, 6]; // heights, most lanes of motif hits
const LETTER = 7; // least width of a letter that is written

function svgElement(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const titled = (element, text) => {
  element.prepend(svgElement("title", {}, text));
  return element;
};

// The lowest and highest defined value, 0 among them for scores.
function rangeOf(track) {
  let [low, high] = track.kind === "score" ? [0, 0] : [Infinity, -Infinity];
  for (const value of track.values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low < high ? [low, high] : [Math.min(low, 0), low > high || high <= 0 ? 1 : high];
}

// One path of a track: a bar per letter, or per pixel the lowest and highest of its letters where letters are narrower than that.
function barsOf(values, [low, high], view, width, height) {
  const base = Math.min(Math.max(low, 0), high);
  const y = (value) => ((high - value) / (high - low)) * height;
  const step = Math.max(1, view.count / width);
  const wide = Math.max((width / view.count) * step - (width / view.count > 4 ? 1 : 0), 0.5);
  let path = "";
  for (let at = view.first; at < view.first + view.count; at += step) {
    let [least, most] = [base, base];
    let seen = false;
    for (let i = Math.floor(at); i < Math.min(Math.floor(at + step), values.length); i++) {
      if (Number.isNaN(values[i])) continue;
      seen = true;
      least = Math.min(least, values[i]);
      most = Math.max(most, values[i]);
    }
    if (!seen) continue;
    const x = ((at - view.first) / view.count) * width;
    path += `M${x.toFixed(2)} ${y(most).toFixed(1)}h${wide.toFixed(2)}V${(y(least) + 0.4).toFixed(1)}h${(-wide).toFixed(2)}z`;
  }
  return [path, y(base)];
}

function drawWhole(svg, sequence, track, view, width) {
  const height = 54;
  svg.setAttribute("viewBox", `0 0 ${width} ${height + 12}`);
  svg.setAttribute("height", height + 12);
  const x = (base) => (base / sequence.length) * width;
  const parts = sequence.regions.map(({ start, end }) =>
    svgElement("rect", { x: x(start), y: height + 4, width: Math.max(x(end) - x(start), 1.5), height: 6, class: "region" }),
  );
  if (track) {
    const [path] = barsOf(track.values, rangeOf(track), { first: 0, count: sequence.length }, width, height);
    parts.push(svgElement("path", { d: path, class: `track-${track.i % 8}` }));
  }
  const shown = { x: x(view.first), y: 1, width: Math.max(x(view.count), 3), height: height + 10, class: "window" };
  svg.replaceChildren(...parts, svgElement("rect", shown));
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
}

// Ticks where the numbers are multiples of a round step; numbers null have none.
function axis(numbers, view, width, y, gap, name) {
  const scale = width / view.count;
  const step = niceStep(gap / scale);
  const parts = [svgElement("text", { x: 0, y: y + 10, class: "axis-name" }, name)];
  for (let i = view.first; i < view.first + view.count; i++) {
    const place = numbers(i);
    if (place === null || place % step) continue;
    const x = (i - view.first + 0.5) * scale;
    const room = x > name.length * 6.2 + gap / 2 - 8 && x < width - gap / 2 + 12;
    if (room) parts.push(svgElement("text", { x, y: y + 10, class: "axis" }, whole(place)));
    parts.push(svgElement("path", { d: `M${x} ${y + 13}v3`, class: "tick" }));
  }
  return parts;
}

function lettersOf(sequence, view, scale, y) {
  const inside = new Set(sequence.regions.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)));
  const groups = new Map();
  for (let i = view.first; i < view.first + view.count; i++) {
    const letter = sequence.letters[i];
    const kind = `letter ${"ACGT".includes(letter.toUpperCase()) ? `base-${letter.toLowerCase()}` : "base-n"}${inside.has(i) ? " inside" : ""}`;
    if (!groups.has(kind)) groups.set(kind, { x: [], letters: "" });
    groups.get(kind).x.push(((i - view.first + 0.5) * scale).toFixed(1));
    groups.get(kind).letters += letter;
  }
  return [...groups].map(([kind, { x, letters }]) => svgElement("text", { x: x.join(" "), y: y + 12, class: kind }, letters));
}

// Motif hits in the first lane with room; those that find none are counted.
function hitsDrawn(sequence, view, scale, y) {
  const end = view.first + view.count;
  const ends = [];
  const parts = [];
  let left = 0;
  for (const hit of sequence.hits.filter((h) => h.end > view.first && h.start < end).sort((a, b) => a.p - b.p)) {
    let lane = ends.findIndex((taken) => taken.every(([a, b]) => hit.end <= a || hit.start >= b));
    if (lane < 0 && ends.length < LANES) lane = ends.push([]) - 1;
    if (lane < 0) {
      left += 1;
      continue;
    }
    ends[lane].push([hit.start, hit.end]);
    const [from, to] = [Math.max(hit.start, view.first), Math.min(hit.end, end)];
    const [x, wide] = [(from - view.first) * scale, (to - from) * scale - 1.5];
    const arrow = { "+": " →", "-": " ←" }[hit.strand] ?? "";
    const room = Math.floor((wide - 4) / 6.4) - arrow.length;
    const group = svgElement("g", { class: "hit" }, svgElement("rect", { x, y: y + lane * ROW, width: Math.max(wide, 1), height: ROW - 2, rx: 2 }));
    if (room >= 2) {
      const name = [...hit.name].length > room ? `${[...hit.name].slice(0, room - 1).join("")}…` : hit.name;
      group.append(svgElement("text", { x: x + 3, y: y + lane * ROW + 10 }, name + arrow));
    }
    parts.push(titled(group, `${hit.name} (${hit.motif}), letters ${hit.start} to ${hit.end}, strand ${hit.strand}, p = ${number(hit.p)}`));
  }
  return { parts, height: ends.length * ROW, left };
}

function variantsDrawn(sequence, view, scale, y) {
  const shown = sequence.variants.filter(({ at }) => at >= view.first && at < view.first + view.count);
  const parts = shown.map((variant) => {
    const x = (variant.at - view.first + 0.5) * scale;
    const said = `${sequence.chrom}:${variant.start} ${variant.ref}>${variant.alt}, ${variant.scores} ${number(variant.score)}${variant.gene ? `, ${variant.gene}` : ""}${variant.change ? ` ${variant.change}` : ""}`;
    return titled(svgElement("path", { d: `M${x} ${y + 1}l4.5 9h-9z`, class: "variant" }), said);
  });
  return { parts, height: shown.length ? ROW : 0 };
}

// Draws the shown part; returns how many motif hits found no room.
function drawPart(svg, sequence, tracks, view, width) {
  const scale = width / view.count;
  const under = [];
  const parts = axis((i) => i, view, width, 0, 64, "letter");
  let y = 18;
  if (sequence.places.some((place) => place !== null)) {
    parts.push(...axis((i) => sequence.places[i], view, width, y, 104, sequence.chrom.slice(0, 12)));
    y += 18;
  }
  const top = y;
  for (const track of tracks) {
    const height = track.kind === "score" ? TRACK : SIGNAL;
    const range = rangeOf(track);
    const [path, zero] = barsOf(track.values, range, view, width, height);
    const caption = `${track.name}: ${number(range[0])} to ${number(range[1])}`;
    parts.push(svgElement("text", { x: 0, y: y + 12, class: "track-name" }, [...caption].slice(0, Math.floor(width / 6.4)).join("")));
    const moved = { transform: `translate(0 ${y + CAPTION})` };
    parts.push(svgElement("path", { d: `M0 ${zero}H${width}`, class: "tick", ...moved }));
    parts.push(svgElement("path", { d: path, class: `track-${track.i % 8}`, ...moved }));
    y += CAPTION + height + 4;
  }
  if (scale >= LETTER) {
    parts.push(...lettersOf(sequence, view, scale, y));
    y += ROW + 2;
  }
  for (const { start, end, score } of sequence.regions.filter((r) => r.end > view.first && r.start < view.first + view.count)) {
    const [from, to] = [Math.max(start, view.first), Math.min(end, view.first + view.count)];
    const box = { x: (from - view.first) * scale, y: top, width: Math.max((to - from) * scale, 1), height: y - top, class: "shade" };
    under.push(svgElement("rect", box));
    parts.push(titled(svgElement("rect", { ...box, y: y + 1, height: 6, class: "region" }), `Region, letters ${start} to ${end}, mean score ${number(score)}`));
  }
  y += 10;
  const variants = variantsDrawn(sequence, view, scale, y);
  const hits = hitsDrawn(sequence, view, scale, y + variants.height);
  y += variants.height + hits.height + 2;
  if (view.cursor >= view.first && view.cursor < view.first + view.count) {
    under.push(svgElement("rect", { x: (view.cursor - view.first) * scale, y: top, width: Math.max(scale, 1), height: y - top, class: "cursor" }));
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${y}`);
  svg.setAttribute("height", y);
  svg.replaceChildren(...under, ...parts, ...variants.parts, ...hits.parts);
  return hits.left;
}
