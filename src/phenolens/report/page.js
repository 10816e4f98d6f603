// What the page can do beside being read: sort and filter tables, pick a class, enlarge figures and save them, show where you are.
// Without it everything is there to read. Text is only ever set as text.
"use strict";
(() => {
  const NUMBERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, min: 60, h: 3600 };
  const STEP = 100; // rows that "Show more" adds
  const MANY = 8; // rows from which a table can be filtered
  const COLOURS = 8;
  const collator = new Intl.Collator("en", { numeric: true });
  const narrow = window.matchMedia("(max-width: 61.99rem)");

  function make(tag, text = "", attributes = {}) {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  // A number as the page writes it: "1,234", "0.750 (0.667–0.826)", "3.2 × 10⁻⁴", "<0.01 %", "20.5 kB"; NaN where there is none.
  function value(text) {
    const plain = text.replace(/,/g, "").replace(/−/g, "-").replace(/^</, "");
    if (/^-?∞/.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
    const power = (found) => 10 ** Number(found.replace("⁻", "-").replace(/[⁰¹²³⁴-⁹]/g, (d) => NUMBERS.indexOf(d)));
    const only = plain.match(/^10(⁻?[⁰¹²³⁴-⁹]+)/);
    if (only) return power(only[1]);
    const found = plain.match(/^(-?\d+\.?\d*)(?:\s*×\s*10(⁻?[⁰¹²³⁴-⁹]+))?(?:\s*(kB|MB|GB|min|h)\b)?/);
    return found ? Number(found[1]) * (found[2] ? power(found[2]) : 1) * (UNITS[found[3]] ?? 1) : NaN;
  }

  function compare(a, b, numeric) {
    if (!numeric) return collator.compare(a, b);
    return value(a) - value(b);
  }

  function absent(text, numeric) {
    return text === "–" || (numeric && Number.isNaN(value(text)));
  }

  function table(box) {
    const body = box.querySelector("tbody");
    const heads = [...box.querySelectorAll("thead th")];
    const more = box.querySelector("script.more");
    const rows = [...body.rows].map((node) => ({ node, cells: [...node.cells].map((cell) => cell.textContent) }));
    const first = more ? rows.length : Infinity;
    if (more) rows.push(...JSON.parse(more.textContent).map((cells) => ({ node: null, cells })));
    if (rows.length < 3) return;
    const total = Number(box.dataset.total ?? rows.length);
    const count = box.querySelector(".count");
    const state = { column: -1, down: false, words: [], shown: first };
    const found = rows.map((row) => row.cells.join("\t").toLowerCase());
    let again = null;

    function node(row) {
      if (!row.node) {
        row.node = make("tr");
        row.cells.forEach((text, i) => row.node.append(make("td", text, { class: heads[i].className })));
      }
      return row.node;
    }

    function draw() {
      let chosen = rows.filter((_, i) => state.words.every((word) => found[i].includes(word)));
      if (state.column >= 0) {
        const numeric = heads[state.column].classList.contains("number");
        const text = (row) => row.cells[state.column];
        const known = chosen.filter((row) => !absent(text(row), numeric));
        known.sort((a, b) => (state.down ? -1 : 1) * compare(text(a), text(b), numeric));
        chosen = [...known, ...chosen.filter((row) => absent(text(row), numeric))];
      }
      const visible = chosen.slice(0, state.shown);
      body.replaceChildren(...visible.map(node));
      if (again) again.hidden = visible.length === chosen.length;
      const n = (number) => number.toLocaleString("en");
      const whole = state.words.length ? `${n(chosen.length)} matching rows` : `${n(total)} rows`;
      const partly = rows.length < total && (state.words.length || state.column >= 0);
      const said = `${n(visible.length)} of ${whole} are shown` + (partly ? `, looked for in the first ${n(rows.length)}` : "");
      count.textContent = visible.length < total ? said : "";
    }

    heads.forEach((head, column) => {
      const name = head.textContent.trim();
      const button = make("button", "↕", { type: "button", class: "sort", "aria-label": `Sort by ${name}` });
      button.addEventListener("click", () => {
        const same = state.column === column;
        const large = head.classList.contains("number") && !/^[pq]\b/.test(name); // of p-values the small ones are looked for
        state.down = same ? !state.down : large;
        state.column = column;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        box.querySelectorAll(".sort").forEach((other) => (other.textContent = "↕"));
        head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
        button.textContent = state.down ? "↓" : "↑";
        draw();
      });
      head.append(button);
    });
    const place = box.querySelector(".scroll");
    if (rows.length >= MANY) {
      const label = make("label", "Filter ", { class: "filter" });
      const input = make("input", "", { type: "search", autocomplete: "off", spellcheck: "false" });
      input.addEventListener("input", () => {
        state.words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        draw();
      });
      label.append(input);
      place.before(label);
    }
    if (more) {
      again = make("button", "Show more rows", { type: "button", class: "again" });
      again.addEventListener("click", () => {
        state.shown += STEP;
        draw();
      });
      place.after(again);
    }
  }

  function pick(chosen) {
    document.querySelectorAll("figure[data-classes]").forEach((figure) => {
      const names = JSON.parse(figure.dataset.classes);
      const index = names.indexOf(chosen);
      for (let i = 0; i < COLOURS; i += 1) figure.style.removeProperty(`--c${i}`);
      if (index >= 0)
        names.forEach((_, i) => {
          if (i % COLOURS !== index % COLOURS) figure.style.setProperty(`--c${i % COLOURS}`, "var(--faded)");
        });
      figure.querySelector("select.pick").value = index >= 0 ? chosen : "";
    });
  }

  function picker(figure, tools) {
    const label = make("label", "Class ");
    const select = make("select", "", { class: "pick" });
    select.append(make("option", "all", { value: "" }));
    JSON.parse(figure.dataset.classes).forEach((name) => select.append(make("option", name, { value: name })));
    select.addEventListener("change", () => pick(select.value));
    label.append(select);
    tools.append(label);
  }

  // The drawing with the page's variables replaced by their light colours, as a file of its own.
  function save(svg, name) {
    const plain = new XMLSerializer().serializeToString(svg).replace(/var\(--\w+, (#[0-9a-f]{6})\)/g, "$1");
    const address = URL.createObjectURL(new Blob([plain], { type: "image/svg+xml" }));
    make("a", "", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  function dialog() {
    const box = make("dialog", "", { "aria-label": "Figure, enlarged", class: "large" });
    const close = make("button", "Close", { type: "button" });
    close.addEventListener("click", () => box.close());
    box.append(close);
    document.body.append(box);
    return (drawing) => {
      const mark = document.createComment("");
      drawing.before(mark);
      box.append(drawing);
      box.showModal();
      box.addEventListener("close", () => mark.replaceWith(drawing), { once: true });
    };
  }

  function figures() {
    const enlarge = dialog();
    document.querySelectorAll("figure").forEach((figure) => {
      const tools = figure.querySelector(".tools");
      const drawing = figure.querySelector(".drawing");
      tools.querySelector("a.svg").addEventListener("click", (event) => {
        event.preventDefault();
        save(drawing.querySelector("svg"), event.currentTarget.download);
      });
      const button = make("button", "Enlarge", { type: "button" });
      button.addEventListener("click", () => enlarge(drawing));
      tools.append(button);
      if (figure.dataset.classes) picker(figure, tools);
    });
  }

  function menu() {
    const details = document.querySelector("nav details");
    const fit = () => (details.open = !narrow.matches);
    fit();
    narrow.addEventListener("change", fit);
    const links = new Map([...details.querySelectorAll("a")].map((link) => [link.getAttribute("href").slice(1), link]));
    details.addEventListener("click", (event) => {
      if (event.target.closest("a") && narrow.matches) details.open = false;
    });
    const seen = new IntersectionObserver(
      (entries) => {
        const entry = entries.find((one) => one.isIntersecting);
        if (!entry) return;
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      },
      { rootMargin: "-15% 0px -80% 0px" },
    );
    document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
  }

  // Only what can be scrolled is a stop for the keyboard.
  function stops() {
    document.querySelectorAll(".scroll").forEach((box) => {
      if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
      else box.removeAttribute("tabindex");
    });
  }

  menu();
  document.querySelectorAll(".table").forEach(table);
  figures();
  stops();
  window.addEventListener("resize", stops);
  document.querySelectorAll("details.table").forEach((box) => box.addEventListener("toggle", stops));
})();
