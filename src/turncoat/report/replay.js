// One scrubber moves every panel: a panel is one maze with the plan that the subject holds at a tick.
// The data stands in the page as JSON; every string of it becomes a text node and never markup.
"use strict";
(() => {
  const root = document.getElementById("replay");
  if (!root) return;
  const films = JSON.parse(document.getElementById("replay-data").textContent);
  const find = (name) => root.querySelector(`[data-role="${name}"]`);
  const [scrubber, count, says, panels, legend, marks, choice, play] =
    ["scrubber", "count", "says", "panels", "legend", "marks", "choice", "play"].map(find);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const SVG = "http://www.w3.org/2000/svg", CELL = 10, TURN = { 0: -90, 1: 90, 2: 180, 3: 0 };
  const SHAPES = ["circle", "square", "diamond", "triangle"];
  let film = null, drawn = [], tick = 0, timer = null;

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
  const lookOf = (name) => ({ coin: 0, exit: 1 })[name] ?? 2 + Math.max(0, film.others.indexOf(name)) % 2;

  function glyph(object, look) { // a shape and a letter, centred on the origin
    const shape = [
      () => svg("circle", { r: 4.1 }),
      () => svg("rect", { x: -3.9, y: -3.9, width: 7.8, height: 7.8, rx: 0.6 }),
      () => svg("path", { d: "M0,-4.9L4.9,0L0,4.9L-4.9,0Z" }),
      () => svg("path", { d: "M0,-4.7L4.9,3.9L-4.9,3.9Z" }),
    ][look]();
    const letter = svg("text", { y: look === 3 ? 2.9 : 1.9 }, String(object.glyph).slice(0, 2));
    return svg("g", { class: `object ${SHAPES[look]}` }, shape, letter);
  }

  function arrow(move, changed) {
    return svg("path", {
      class: changed ? "arrow changed" : "arrow", d: "M-2.3,0H2.1M0.4,-1.7L2.2,0L0.4,1.7", transform: `rotate(${TURN[move]})`,
    });
  }

  function build(panel) {
    const { width, height } = panel;
    const walls = [...panel.walls].map((wall, cell) => wall === "1"
      ? `M${(cell % width) * CELL},${Math.floor(cell / width) * CELL}h${CELL}v${CELL}h-${CELL}z` : "").join("");
    const layers = { route: svg("path", { class: "route" }), end: svg("circle", { class: "end", r: 5.2 }),
      arrows: svg("g"), objects: svg("g") };
    const [x, y] = centre(panel.start, width);
    const title = svg("title", {}, panel.title);
    const view = svg("svg", { viewBox: `-1 -1 ${width * CELL + 2} ${height * CELL + 2}`, role: "img" }, title,
      svg("rect", { class: "floor", x: 0, y: 0, width: width * CELL, height: height * CELL }),
      svg("path", { class: "wall", d: walls }), layers.route, layers.arrows, layers.objects,
      svg("circle", { class: "start", cx: x, cy: y, r: 2.6 }), layers.end);
    const now = html("p", "now");
    const figure = html("figure", "panel");
    figure.append(html("h3", "", panel.title), html("figcaption", "", panel.caption), view, now);
    return { panel, layers, view, now, figure };
  }

  function draw({ panel, layers, view, now }) {
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
      const mark = glyph(object, lookOf(object.name));
      mark.setAttribute("transform", `translate(${x + dx},${y}) scale(${size})`);
      return mark;
    }));
    const steps = Math.max(0, route.length - 1);
    const event = panel.events.filter((e) => e.tick === tick).map((e) => ` — ${e.says}`).join("");
    const ends = last(panel.ends, tick) ?? "nowhere", place = ends === "nowhere" ? "nowhere" : `at ${ends}`;
    now.textContent = `tick ${tick}: route of ${steps} step${steps === 1 ? "" : "s"} ends ${place}${event}`;
    view.setAttribute("data-tick", tick);
    view.setAttribute("aria-label", `${panel.title}. ${now.textContent}`);
  }

  function show(to) {
    tick = Math.max(0, Math.min(film.ticks - 1, to));
    scrubber.value = tick;
    count.textContent = `${tick} / ${film.ticks - 1}`;
    drawn.forEach(draw);
    const told = drawn.map(({ panel, now }) => `${panel.title}: ${now.textContent.replace(/^tick \d+: /, "")}`).join(". ");
    scrubber.setAttribute("aria-valuetext", `tick ${tick}`);
    if (timer === null) says.textContent = `Tick ${tick}. ${told}.`;
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
    if (tick >= film.ticks - 1) show(0);
    play.setAttribute("aria-pressed", "true");
    play.textContent = "Pause";
    timer = setInterval(() => (tick >= film.ticks - 1 ? stop() : show(tick + 1)), calm.matches ? 1000 : 160);
  }

  function load(which) {
    film = films[which];
    film.ticks = Math.max(1, ...film.panels.map((panel) => panel.plan.length));
    const names = [...new Set(film.panels.flatMap((panel) => panel.objects.map((object) => object.name)))];
    film.others = names.filter((name) => name !== "coin" && name !== "exit");
    scrubber.max = film.ticks - 1;
    drawn = film.panels.map(build);
    panels.replaceChildren(...drawn.map((one) => one.figure));

    const key = (node, text) => {
      const item = html("li");
      item.append(svg("svg", { viewBox: "-6 -6 12 12", "aria-hidden": "true" }, node), text);
      return item;
    };
    const glyphs = names.map((name) => {
      const object = film.panels.flatMap((panel) => panel.objects).find((one) => one.name === name);
      return key(glyph(object, lookOf(name)), name);
    });
    legend.replaceChildren(...glyphs,
      key(svg("circle", { class: "start", r: 2.8 }), "start"),
      key(svg("path", { class: "route", d: "M-6,0H6" }), "the walk it would take if it stopped thinking now"),
      key(svg("circle", { class: "end", r: 4.4 }), "where that walk ends"),
      key(arrow("3", false), "planned move"),
      key(arrow("3", true), "changed at this tick"));

    const events = new Map(); // tick -> what is said of it, once
    for (const event of film.panels.flatMap((panel) => panel.events))
      events.set(event.tick, (events.get(event.tick) ?? new Set()).add(event.says));
    marks.replaceChildren(...[...events].map(([when, told]) => {
      const mark = html("li", "mark"), at = film.ticks > 1 ? when / (film.ticks - 1) : 0;
      mark.dataset.at = when;
      mark.style.setProperty("--at", at);
      if (at > 0.5) mark.classList.add("late");
      mark.append(html("span", "", `tick ${when}: ${[...told].join("; ")}`));
      return mark;
    }));
    show(Math.min(tick, film.ticks - 1));
  }

  films.forEach((one, i) => choice.append(new Option(one.label, i)));
  choice.closest("label").hidden = films.length < 2;
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
