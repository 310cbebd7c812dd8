// One scrubber moves every panel. A panel is one frame, and its kind says how it is drawn: the plan that the subject
// holds for a maze, an episode in a grid, a dialogue, or a document.
// The data stands in the page as JSON; every string of it becomes a text node and never markup.
"use strict";
(() => {
  const root = document.getElementById("replay");
  if (!root) return;
  const recordings = JSON.parse(document.getElementById("replay-data").textContent);
  const find = (name) => root.querySelector(`[data-role="${name}"]`);
  const [scrubber, count, says, panels, legend, marks, choice, play] =
    ["scrubber", "count", "says", "panels", "legend", "marks", "choice", "play"].map(find);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const UNIT = root.dataset.unit, AGENT = "agent";
  const SVG = "http://www.w3.org/2000/svg", CELL = 10, TURN = { 0: -90, 1: 90, 2: 180, 3: 0 };
  const path = (d) => () => svg("path", { d });
  const rect = (x, y, rx) => () => svg("rect", { x: -x, y: -y, width: 2 * x, height: 2 * y, rx });
  const SHAPES = [ // class, where the letter stands, outline; the colour of each is in the style
    ["circle", 1.9, () => svg("circle", { r: 4.1 })],
    ["square", 1.9, rect(3.9, 3.9, 0.6)],
    ["diamond", 1.9, path("M0,-4.9L4.9,0L0,4.9L-4.9,0Z")],
    ["triangle", 2.9, path("M0,-4.7L4.9,3.9L-4.9,3.9Z")],
    ["hexagon", 1.9, path("M-4.7,0L-2.4,-4.1H2.4L4.7,0L2.4,4.1H-2.4Z")],
    ["cross", 1.9, path("M-2.3,-4.6H2.3V-2.3H4.6V2.3H2.3V4.6H-2.3V2.3H-4.6V-2.3H-2.3Z")],
    ["funnel", 0.7, path("M0,4.7L-4.9,-3.9H4.9Z")],
    ["pill", 1.9, rect(4.8, 2.9, 2.9)],
  ];
  const AGENT_LOOK = ["self", 1.9, () => svg("circle", { r: 4.3 })];
  let recording = null, drawn = [], tick = 0, timer = null;

  const html = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const svg = (name, attributes = {}, ...children) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const centre = (cell, width) => [(cell % width + 0.5) * CELL, (Math.floor(cell / width) + 0.5) * CELL];
  const last = (list, at) => list[Math.min(at, list.length - 1)];
  const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
  const distinct = (list) => [...new Set(list)];
  const happened = (panel) => panel.events.filter((e) => e.tick === tick).map((e) => ` — ${e.says}`).join("");

  // -- what the kinds share ----------------------------------------------------------------------------

  // a shape and a letter, centred on the origin
  function glyph(text, [className, letterAt, outline]) {
    return svg("g", { class: `object ${className}` }, outline(), svg("text", { y: letterAt }, String(text).slice(0, 2)));
  }

  function key(node, text) {
    const item = html("li");
    item.append(svg("svg", { viewBox: "-6 -6 12 12", "aria-hidden": "true" }, node), text);
    return item;
  }

  // a panel's heading, its view, what belongs to it, and the line of words below, with room for the `longest` of them so
  // that nothing jumps
  function shell(panel, view, longest = "", ...more) {
    const now = html("span"), line = html("p", "now"), figure = html("figure", `panel ${panel.kind}`);
    line.append(now);
    if (longest) {
      const room = html("span", "room", longest);
      room.setAttribute("aria-hidden", "true");
      line.append(room);
    }
    figure.append(html("h3", "", panel.title), html("figcaption", "", panel.caption), view, ...more, line);
    return { panel, view, now, figure };
  }

  function floor({ width, height, walls, title }, ...layers) {
    const blocks = [...walls].map((wall, cell) => wall === "1"
      ? `M${(cell % width) * CELL},${Math.floor(cell / width) * CELL}h${CELL}v${CELL}h-${CELL}z` : "").join("");
    return svg("svg", { viewBox: `-1 -1 ${width * CELL + 2} ${height * CELL + 2}`, role: "img" },
      svg("title", {}, title),
      svg("rect", { class: "floor", x: 0, y: 0, width: width * CELL, height: height * CELL }),
      svg("path", { class: "wall", d: blocks }), ...layers);
  }

  // -- grid: a maze and the plan for it ----------------------------------------------------------------

  function planLook(name) {
    const named = recording.panels.filter((panel) => panel.kind === "grid").flatMap((panel) => panel.objects.map((o) => o.name));
    const others = distinct(named).filter((one) => one !== "coin" && one !== "exit");
    return SHAPES[{ coin: 0, exit: 1 }[name] ?? 2 + Math.max(0, others.indexOf(name)) % 2];
  }

  function arrow(move, changed) {
    return svg("path", {
      class: changed ? "arrow changed" : "arrow", d: "M-2.3,0H2.1M0.4,-1.7L2.2,0L0.4,1.7", transform: `rotate(${TURN[move]})`,
    });
  }

  function buildGrid(panel) {
    const layers = { route: svg("path", { class: "route" }), end: svg("circle", { class: "end", r: 5.2 }),
      arrows: svg("g"), objects: svg("g") };
    const [cx, cy] = centre(panel.start, panel.width);
    const start = svg("circle", { class: "start", cx, cy, r: 2.6 });
    return { ...shell(panel, floor(panel, layers.route, layers.arrows, layers.objects, start, layers.end)), layers };
  }

  function drawGrid({ panel, layers }) {
    const { width } = panel;
    const plan = last(panel.plan, tick) ?? "", before = tick > 0 ? last(panel.plan, tick - 1) : plan;
    const arrows = [];
    for (let cell = 0; cell < plan.length; cell++) {
      if (plan[cell] === ".") continue;
      const [x, y] = centre(cell, width);
      arrows.push(svg("g", { transform: `translate(${x},${y})` }, arrow(plan[cell], plan[cell] !== before[cell])));
    }
    layers.arrows.replaceChildren(...arrows);
    const route = last(panel.route, tick) ?? [];
    layers.route.setAttribute("d", route.map((cell, i) => (i ? "L" : "M") + centre(cell, width)).join(""));
    const tip = centre(route.length ? route[route.length - 1] : panel.start, width);
    layers.end.setAttribute("cx", tip[0]);
    layers.end.setAttribute("cy", tip[1]);
    const here = panel.objects.filter((o) => o.from <= tick && (o.to === null || tick < o.to));
    layers.objects.replaceChildren(...here.map((object) => {
      const together = here.filter((other) => other.cell === object.cell);
      const [x, y] = centre(object.cell, width), place = together.indexOf(object) - (together.length - 1) / 2;
      const [dx, size] = together.length > 1 ? [place * 5, 0.62] : [0, 0.92];
      const mark = glyph(object.glyph, planLook(object.name));
      mark.setAttribute("transform", `translate(${x + dx},${y}) scale(${size})`);
      return mark;
    }));
    const steps = Math.max(0, route.length - 1);
    const ends = last(panel.ends, tick) ?? "nowhere", place = ends === "nowhere" ? "nowhere" : `at ${ends}`;
    const told = `route of ${steps} step${steps === 1 ? "" : "s"} ends ${place}${happened(panel)}`;
    return { line: `tick ${tick}: ${told}`, told };
  }

  function gridLegend(shown) {
    const objects = shown.flatMap((panel) => panel.objects);
    return [
      ...distinct(objects.map((object) => object.name)).map((name) =>
        key(glyph(objects.find((object) => object.name === name).glyph, planLook(name)), name)),
      key(svg("circle", { class: "start", r: 2.8 }), "start"),
      key(svg("path", { class: "route", d: "M-6,0H6" }), "the walk it would take if it stopped thinking now"),
      key(svg("circle", { class: "end", r: 4.4 }), "where that walk ends"),
      key(arrow("3", false), "planned move"),
      key(arrow("3", true), "changed at this tick"),
    ];
  }

  // -- episode: what moves in a grid, step by step -----------------------------------------------------

  // every name keeps its look in all recordings of the page, so that recordings compare; coin and exit first, as in plans
  const names = distinct(recordings.flatMap((one) => one.panels).filter((panel) => panel.kind === "episode")
    .flatMap((panel) => panel.kinds.map(([name]) => name)));
  const cast = distinct(["coin", "exit", ...names]).filter((name) => names.includes(name) && name !== AGENT);
  const castLook = (name) => name === AGENT ? AGENT_LOOK : SHAPES[cast.indexOf(name) % SHAPES.length];

  // the objects at every step, from what came and (as ~object) what went; the agent last, and so on top
  function statesOf({ kinds, changes, walls }) {
    const here = [], cells = walls.length;
    const agentLast = (one, other) => (one.name === AGENT) - (other.name === AGENT);
    return changes.map((step) => {
      for (const code of step) {
        if (code < 0) here.splice(here.indexOf(~code), 1);
        else here.push(code);
      }
      return [...here].sort((one, other) => one - other).map((code) => {
        const [name, letter] = kinds[Math.floor(code / cells)];
        return { name, letter, cell: code % cells };
      }).sort(agentLast);
    });
  }

  // a line through the cells of the agent so far; a leap leaves a gap
  function trailOf(cells, width) {
    const apart = (one, other) => Math.max(
      Math.abs(one % width - other % width), Math.abs(Math.floor(one / width) - Math.floor(other / width)));
    return cells.map((cell, i) => {
      if (cell === undefined || cell === cells[i - 1]) return "";
      const joined = i && cells[i - 1] !== undefined && apart(cell, cells[i - 1]) <= 2;
      return joined ? `L${centre(cell, width)}` : `M${centre(cell, width)}h0`;
    }).join("");
  }

  const twoDecimals = (value) =>
    value === null ? "–" : value.toFixed(2).replace(/^-(0\.00)$/, "$1").replace("-", "−");

  // a row a bar, whether or not this step has it: name and value as text, and from zero (or the end that is nearest to
  // it) to the value as a stroke; a value beyond the scale fills it
  function buildBars(panel) {
    return panel.bars.map(([name, low, high, values]) => {
      const place = (value) => (Math.max(low, Math.min(high, value)) - low) / (high - low);
      const row = html("li"), value = html("span", "value"), track = html("span", "track"), fill = html("span", "fill");
      track.setAttribute("aria-hidden", "true");
      track.append(fill);
      if (low < 0 && high > 0) track.append(html("span", "zero"));
      track.style.setProperty("--zero", place(0));
      value.style.setProperty("--longest", Math.max(...values.map((one) => twoDecimals(one).length)));
      row.append(html("span", "name", name), " ", value, track);
      return { row, value, fill, place, values };
    });
  }

  function drawBars(bars, at) {
    for (const { value, fill, place, values } of bars) {
      const now = last(values, at), ends = now === null ? [0, 0] : [place(0), place(now)];
      value.textContent = twoDecimals(now);
      fill.style.setProperty("--from", Math.min(...ends));
      fill.style.setProperty("--to", Math.max(...ends));
    }
  }

  function buildEpisode(panel) {
    const states = statesOf(panel);
    const walk = states.map((objects) => objects.find((object) => object.name === AGENT)?.cell);
    const layers = { trail: svg("path", { class: "trail" }), objects: svg("g") };
    const start = walk.filter((cell) => cell !== undefined).slice(0, 1).map((cell) => {
      const [cx, cy] = centre(cell, panel.width);
      return svg("circle", { class: "start", cx, cy, r: 2.2 });
    });
    const longest = panel.says.reduce((one, other) => (other.length > one.length ? other : one), "");
    const words = `step ${states.length - 1}, its last: ${longest}`;
    const bars = buildBars(panel), list = html("ul", "bars");
    list.setAttribute("aria-label", `${panel.title}: numbers of this step`);
    list.append(...bars.map((bar) => bar.row));
    const view = floor(panel, layers.trail, ...start, layers.objects);
    return { ...shell(panel, view, words, ...(bars.length ? [list] : [])), layers, states, walk, bars };
  }

  function drawEpisode({ panel, layers, states, walk, bars }) {
    const { width } = panel, end = states.length - 1, at = Math.min(tick, end);
    layers.trail.setAttribute("d", trailOf(walk.slice(0, at + 1), width));
    layers.objects.replaceChildren(...states[at].map((object) => {
      const together = states[at].filter((other) => other.cell === object.cell), n = together.length;
      const across = Math.ceil(Math.sqrt(n)), rows = Math.ceil(n / across), place = together.indexOf(object);
      const [x, y] = centre(object.cell, width), apart = CELL / across;
      const dx = (place % across - (across - 1) / 2) * apart, dy = (Math.floor(place / across) - (rows - 1) / 2) * apart;
      const mark = glyph(object.letter, castLook(object.name));
      mark.setAttribute("transform", `translate(${x + dx},${y + dy}) scale(${n > 1 ? 1.16 / across : 0.92})`);
      return mark;
    }));
    drawBars(bars, at);
    const said = panel.says[at] + happened(panel);
    const step = `step ${at}${tick > end ? ", its last" : ""}`;
    return { line: said ? `${step}: ${said}` : step, told: said };
  }

  function episodeLegend(shown) {
    const letters = new Map(shown.flatMap((panel) => panel.kinds).reverse()); // of several letters the first counts
    const marks = [AGENT, ...cast].filter((name) => letters.has(name))
      .map((name) => key(glyph(letters.get(name), castLook(name)), name));
    const trail = [
      key(svg("circle", { class: "start", r: 2.8 }), "where it began"),
      key(svg("path", { class: "trail", d: "M-5,0H5" }), "where it has been"),
    ];
    return letters.has(AGENT) ? [marks[0], ...trail, ...marks.slice(1)] : marks;
  }

  // -- dialogue: who said what, turn by turn -----------------------------------------------------------

  function buildDialogue(panel) {
    const speakers = distinct(recording.panels.flatMap((one) => (one.turns ?? []).map(([who]) => who)));
    const turns = panel.turns.map(([who, text]) => {
      const turn = html("li", `turn speaker-${speakers.indexOf(who) % 4}`);
      turn.append(html("b", "who", who), html("p", "", text));
      return turn;
    });
    const view = html("ol", "turns");
    view.tabIndex = 0; // a long one scrolls, by keyboard too
    view.append(...turns);
    return { ...shell(panel, view), turns };
  }

  function drawDialogue({ panel, view, turns }) {
    const soFar = Math.min(tick, turns.length), newest = turns[soFar - 1];
    turns.forEach((turn, i) => turn.classList.toggle("unsaid", i >= soFar));
    // the newest turn in sight; of one that is longer than the view, its beginning
    const air = 14, top = newest ? newest.offsetTop - air : 0, bottom = newest ? top + newest.offsetHeight + 2 * air : 0;
    view.scrollTop = Math.min(top, bottom - view.clientHeight);
    const [who, text] = panel.turns[tick - 1] ?? [];
    const told = (text === undefined ? "" : `${who}: ${text}`) + happened(panel);
    return { line: `turn ${soFar} of ${turns.length}${happened(panel)}`, told };
  }

  // -- document: what is answered, dose by dose --------------------------------------------------------

  function buildDocument(panel) {
    const verdict = html("p", "verdict"), text = html("pre", "document-text"), view = html("div", "paper");
    text.tabIndex = 0; // a long one scrolls, by keyboard too
    view.setAttribute("role", "group");
    view.append(verdict, text);
    return { ...shell(panel, view), verdict, text };
  }

  function drawDocument({ panel, verdict, text }) {
    const at = Math.min(tick, panel.steps.length - 1), { answer, pieces } = panel.steps[at];
    const right = answer === panel.truth;
    verdict.replaceChildren("is ", html("b", "", panel.truth), " · answered ", html("b", right ? "right" : "wrong", answer));
    text.replaceChildren(...pieces.map((piece, i) => (i % 2 ? html("mark", "", piece) : piece)));
    const line = `${at === 0 ? "as it is" : `dose ${at} of ${panel.steps.length - 1}`}: answered “${answer}”`;
    return { line: line + (right ? "" : `, is “${panel.truth}”`), told: line };
  }

  // -- the recording ----------------------------------------------------------------------------------------

  const KINDS = { // `pace` is in milliseconds
    grid: { build: buildGrid, draw: drawGrid, legend: gridLegend, ticks: (panel) => panel.plan.length, pace: 160 },
    episode: {
      build: buildEpisode, draw: drawEpisode, legend: episodeLegend, ticks: (panel) => panel.changes.length, pace: 220,
    },
    dialogue: { // at tick 0 nothing is said yet
      build: buildDialogue, draw: drawDialogue, legend: () => [], ticks: (panel) => panel.turns.length + 1, pace: 1600,
    },
    document: {
      build: buildDocument, draw: drawDocument, legend: () => [], ticks: (panel) => panel.steps.length, pace: 1600,
    },
  };

  function show(to) {
    tick = Math.max(0, Math.min(recording.ticks - 1, to));
    scrubber.value = tick;
    count.textContent = `${tick} / ${recording.ticks - 1}`;
    const told = drawn.map((one) => {
      const { line, told } = KINDS[one.panel.kind].draw(one);
      one.now.textContent = line;
      one.view.setAttribute("data-tick", tick);
      one.view.setAttribute("aria-label", `${one.panel.title}. ${line}`);
      return told && `${one.panel.title}: ${told}`;
    });
    scrubber.setAttribute("aria-valuetext", `${UNIT} ${tick}`);
    if (timer === null) says.textContent = `${capital(UNIT)} ${tick}. ${told.filter(Boolean).join(". ")}.`;
    for (const mark of marks.children) mark.classList.toggle("past", Number(mark.dataset.at) <= tick);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.setAttribute("aria-pressed", "false");
    play.textContent = "Play";
    show(tick);
  }

  function toggle() {
    if (timer !== null) return stop();
    if (tick >= recording.ticks - 1) show(0);
    play.setAttribute("aria-pressed", "true");
    play.textContent = "Pause";
    const pace = Math.max(calm.matches ? 1000 : 0, ...recording.panels.map((panel) => KINDS[panel.kind].pace));
    timer = setInterval(() => (tick >= recording.ticks - 1 ? stop() : show(tick + 1)), pace);
  }

  function load(which) {
    recording = recordings[which];
    recording.ticks = Math.max(1, ...recording.panels.map((panel) => KINDS[panel.kind].ticks(panel)));
    scrubber.max = recording.ticks - 1;
    drawn = recording.panels.map((panel) => KINDS[panel.kind].build(panel));
    panels.replaceChildren(...drawn.map((one) => one.figure));
    legend.replaceChildren(...Object.keys(KINDS).flatMap((kind) => {
      const shown = recording.panels.filter((panel) => panel.kind === kind);
      return shown.length ? KINDS[kind].legend(shown) : [];
    }));

    const events = new Map(); // tick -> what is said of it, once
    for (const event of recording.panels.flatMap((panel) => panel.events))
      events.set(event.tick, (events.get(event.tick) ?? new Set()).add(event.says));
    marks.replaceChildren(...[...events].map(([when, told]) => {
      const mark = html("li", "mark"), at = recording.ticks > 1 ? Math.max(0, Math.min(1, when / (recording.ticks - 1))) : 0;
      mark.dataset.at = when;
      mark.style.setProperty("--at", at);
      if (at > 0.5) mark.classList.add("late");
      mark.append(html("span", "", `${UNIT} ${when}: ${[...told].join("; ")}`));
      return mark;
    }));
    show(Math.min(tick, recording.ticks - 1));
  }

  recordings.forEach((one, i) => choice.append(new Option(one.label, i)));
  choice.closest("label").hidden = recordings.length < 2;
  choice.addEventListener("change", () => { if (timer !== null) stop(); load(Number(choice.value)); });
  scrubber.addEventListener("input", () => { if (timer !== null) stop(); show(Number(scrubber.value)); });
  play.addEventListener("click", toggle);
  find("back").addEventListener("click", () => { if (timer !== null) stop(); show(tick - 1); });
  find("on").addEventListener("click", () => { if (timer !== null) stop(); show(tick + 1); });
  root.addEventListener("keydown", (event) => {
    const on = event.target;
    if (event.ctrlKey || event.altKey || event.metaKey || on === choice) return;
    if (event.key === " " && on.tagName !== "BUTTON") toggle();
    else if (["ArrowLeft", "ArrowRight"].includes(event.key) && on !== scrubber) {
      if (timer !== null) stop();
      show(tick + (event.key === "ArrowRight" ? 1 : -1));
    } else return;
    event.preventDefault();
  });

  root.hidden = false;
  tick = Infinity; // what it came to; scrubbing back shows how
  load(0);
})();
