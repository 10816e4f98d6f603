// Reads back what sequence_browser.py packed into the page, and looks things up in it. Coordinates are 0-based, half-open.

function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(2).split("e");
    const raised = [...String(Number(exponent))].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");
    return `${mantissa} × 10${raised}`.replace("-", "−");
  }
  return (size >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)).replace("-", "−");
}

const whole = (value) => value.toLocaleString("en");

function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

function rowsOf(column) {
  const rows = new Map();
  column.forEach((of, row) => (rows.has(of) ? rows.get(of).push(row) : rows.set(of, [row])));
  return rows;
}

async function unpack(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const head = 4 + new DataView(bytes.buffer).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(bytes.subarray(4, head)));
  let at = head;
  index.first = index.length.map((length) => (at += length) - length);
  index.bytes = bytes;
  for (const track of index.tracks) {
    const n = track.of.length;
    const floats = () => new Float32Array(bytes.slice(at, (at += 4 * n)).buffer);
    [track.low, track.high, track.first, track.row] = [floats(), floats(), [], new Map()];
    track.of.forEach((of, row) => {
      track.row.set(of, row);
      track.first.push(at);
      at += index.length[of];
    });
  }
  for (const part of ["regions", "hits", "variants", "crowded"]) index[part].rows = rowsOf(index[part].of);
  for (const part of ["genes", "means"]) index[part].rows = rowsOf(index[part].of);
  return index;
}

const word = (table, name, row) => (table[name][row] === null ? null : table[`${name}_words`][table[name][row]]);
const rows = (table, of) => table.rows.get(of) ?? [];

function valuesOf(index, track, of) {
  const row = track.row.get(of);
  if (row === undefined) return null;
  const levels = index.bytes.subarray(track.first[row], track.first[row] + index.length[of]);
  const [low, width] = [track.low[row], track.high[row] - track.low[row]];
  return Float32Array.from(levels, (level) => (level > index.levels ? NaN : low + (level / index.levels) * width));
}

function regionsOf(index, of) {
  const { regions, genes, means } = index;
  return rows(regions, of).map((row) => ({
    start: regions.start[row],
    end: regions.end[row],
    score: regions.score[row],
    genes: rows(genes, row).map((gene) => ({ name: word(genes, "name", gene), distance: genes.distance[gene] })),
    means: rows(means, row).map((mean) => ({ signal: word(means, "signal", mean), mean: means.mean[mean] })),
  }));
}

function hitsOf(index, of) {
  const { hits } = index;
  return rows(hits, of).map((row) => ({
    motif: word(hits, "motif", row),
    name: word(hits, "name", row),
    start: hits.start[row],
    end: hits.end[row],
    strand: hits.strand[row],
    p: hits.p[row],
  }));
}

function variantsOf(index, of) {
  const { variants } = index;
  const names = ["at", "start", "ref", "alt", "score", "scores", "gene", "change", "model_change"];
  return rows(variants, of)
    .map((row) => Object.fromEntries(names.map((name) => [name, variants[name][row]])))
    .filter((variant) => variant.at !== null);
}

// The genome position of each letter, null where it has none (an inserted letter, a sequence without a place).
function placesOf(sequence) {
  const { start, end, strand, allele, cigar, length } = sequence;
  const places = new Array(length).fill(null);
  if (sequence.chrom === null || start === null) return places;
  if (cigar) {
    let [letter, base] = [0, start];
    for (const [, count, operation] of cigar.matchAll(/(\d+)([MID])/g)) {
      for (let i = 0; i < Number(count) && operation === "M"; i++) if (letter + i < length) places[letter + i] = base + i;
      if (operation !== "D") letter += Number(count);
      if (operation !== "I") base += Number(count);
    }
  } else if (allele === null && end - start === length) {
    for (let i = 0; i < length; i++) places[i] = start + i;
  }
  return strand === "-" ? places.reverse() : places;
}

function sequenceOf(index, of) {
  const plain = ["id", "start", "end", "name", "allele", "cigar", "length", "run", "predicted", "right"];
  const sequence = Object.fromEntries(plain.map((name) => [name, index[name][of]]));
  for (const name of ["chrom", "strand", "label", "split", "group"]) sequence[name] = word(index, name, of);
  sequence.letters = new TextDecoder().decode(index.bytes.subarray(index.first[of], index.first[of] + sequence.length));
  sequence.places = placesOf(sequence);
  sequence.shares = index.shares.map((share) => (share[of] === null ? NaN : share[of] / index.whole));
  sequence.tracks = index.tracks.map(({ name, kind }, i) => ({ name, kind, i, values: valuesOf(index, index.tracks[i], of) }));
  sequence.regions = regionsOf(index, of);
  sequence.hits = hitsOf(index, of);
  sequence.allHits = rows(index.crowded, of).map((row) => index.crowded.hits[row])[0] ?? sequence.hits.length;
  sequence.variants = variantsOf(index, of);
  return sequence;
}

const placeOf = (s) => (s.chrom === null || s.start === null ? "no place on a genome" : `${s.chrom}:${s.start}-${s.end} (${s.strand ?? "."})`);

function searched(index, of) {
  const genes = rows(index.regions, of).flatMap((region) => rows(index.genes, region).map((row) => word(index.genes, "name", row)));
  return [index.id[of], index.name[of], index.allele[of], word(index, "group", of), ...genes].join("\n").toLowerCase();
}

// A place is CHROM:START-END or CHROM:BASE; everything else is looked for in names, groups, alleles and genes.
function matching(index, text) {
  const query = text.trim().toLowerCase();
  if (!query) return () => true;
  const bare = (name) => name.toLowerCase().replace(/^chr/, "");
  const place = query.match(/^([^\s:]+):([\d,]+)(?:\s*[-–]\s*([\d,]+))?$/);
  const [start, end] = place ? [place[2], place[3]].map((digits) => digits && Number(digits.replaceAll(",", ""))) : [];
  return (of) => {
    index.searched ??= index.id.map((_, i) => searched(index, i));
    if (index.searched[of].includes(query)) return true;
    const chrom = place && word(index, "chrom", of);
    return Boolean(chrom) && bare(chrom) === bare(place[1]) && index.start[of] < (end ?? start + 1) && index.end[of] > start;
  };
}
