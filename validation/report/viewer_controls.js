"use strict";
/* Sliders, wheel, keys and lists: which planes are drawn. */
(function (viewer) {
  const data = viewer.data, state = viewer.state, { plus } = viewer.vectors;
  const element = (id) => document.getElementById(id);
  viewer.planes = {};

  const start = data.start.map((k, a) => viewer.coordinates[a][k]);

  const number = (id) => Number(element(id).value);

  // Centre and directions of the plane of the lists and sliders.
  const KINDS = {
    needle: () => {
      const { entry, tip } = viewer.needles[number("plane-needle")];
      // Zero at the entry: the horizontal axis is the depth along the needle.
      return { centre: entry, ...line(plus(tip, entry, -1), "depth along the needle") };
    },
    seeds: () => {
      const from = viewer.seeds.position[number("plane-from")], to = viewer.seeds.position[number("plane-to")];
      const way = plus(to, from, -1);
      // A seed with itself: the plane along it.
      const direction = Math.hypot(...way) > 1e-6 ? way : viewer.seeds.axis[number("plane-from")];
      return { centre: from, ...line(direction, "along the line from seed " + viewer.seeds.number[number("plane-from")]) };
    },
    free: () => {
      const chosen = number("plane-centre");
      const centre = chosen < 0 ? start : viewer.seeds.position[chosen];
      return { centre, directions: viewer.freeDirections(number("plane-turn"), number("plane-tilt")), names: ["to the right", "up"] };
    },
  };

  function line(direction, name) {
    return { directions: viewer.aboutLine(direction, number("plane-roll")), names: [name, "across"] };
  }

  function obliquePlane() {
    const kind = element("plane-kind").value, slider = element("slider-oblique");
    const { centre, directions, names: axes } = KINDS[kind]();
    const plane = viewer.obliquePlane(centre, directions, Number(slider.value), axes);
    const step = Number(slider.step);
    // No further than the grid goes: the slider ends where the plane leaves it.
    slider.min = Math.ceil(plane.reach[0] / step) * step;
    slider.max = Math.floor(plane.reach[1] / step) * step;
    if (Number(slider.value) !== plane.offset) return viewer.obliquePlane(centre, directions, Number(slider.value), axes);
    plane.turned = [kind, ...centre, ...directions.u, ...directions.v].map((v) => (typeof v === "number" ? v.toFixed(3) : v)).join(" ");
    return plane;
  }

  function draw(name) {
    const slider = element("slider-" + name);
    const plane = name === "oblique" ? obliquePlane() : viewer.gridPlane(name, Number(slider.value));
    viewer.planes[name] = plane;
    element("label-" + name).textContent = plane.label;
    slider.setAttribute("aria-valuetext", plane.label);
    viewer.drawPlane(plane);
    if (name === "oblique" && viewer.showPlaneInSpace) viewer.showPlaneInSpace(plane);
  }
  viewer.draw = draw;

  // Many events of a moving slider become one drawing.
  const pending = new Set();
  const later = (name) => {
    if (pending.has(name)) return;
    pending.add(name);
    setTimeout(() => { pending.delete(name); draw(name); }, 16);
  };
  const all = () => Object.keys(viewer.planes).forEach(later);

  function move(name, steps) {
    const slider = element("slider-" + name), before = slider.value;
    slider.value = Number(slider.value) + steps * Number(slider.step);
    if (slider.value !== before) later(name);
    return slider.value !== before;
  }

  const KEYS = {
    ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity,
  };

  function byKeys(name, event) {
    const steps = KEYS[event.key];
    if (steps === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move(name, Math.max(-1e6, Math.min(1e6, steps)));
  }

  // A notch of a wheel is one slice whatever its size; small movements of a touch pad add up to one.
  const NOTCH = 40;
  const turned = {};
  function byWheel(name, event) {
    if (event.ctrlKey) return; // enlarges the page
    const way = event.deltaY * (event.deltaMode === 1 ? NOTCH : 1);
    turned[name] = (Math.sign(turned[name] || 0) === Math.sign(way) ? turned[name] : 0) + way;
    if (Math.abs(turned[name]) < NOTCH) { event.preventDefault(); return; }
    const steps = -Math.sign(turned[name]);
    turned[name] = 0;
    // At the last slice the page scrolls on.
    if (move(name, steps)) event.preventDefault();
  }

  function showScale() {
    const kind = viewer.kind(), [low, high] = kind.limits(), bar = element("scale");
    bar.style.background = "linear-gradient(to right," + kind.colours.map(([p, c]) => c + " " + 100 * p + "%").join(",") + ")";
    element("scale-low").textContent = (low < 0 ? "−" + -low : low) + kind.unit;
    element("scale-high").textContent = (low < 0 ? "+" : "") + high + kind.unit;
    element("map-name").textContent = state.map.name; // on paper, where lists are left out
    element("range-choice").hidden = state.map.kind !== "percent";
  }

  function option(select, value, text) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = text; // text, not markup
    select.append(made);
  }

  function fillLists() {
    viewer.needles.forEach(({ number: needle, seeds }, k) =>
      option(element("plane-needle"), k, "needle " + needle + " (" + seeds + (seeds === 1 ? " seed)" : " seeds)")));
    viewer.seeds.number.forEach((seed, k) => {
      for (const id of ["plane-from", "plane-to", "plane-centre"]) option(element(id), k, "seed " + seed);
    });
    const most = Math.max(0, ...viewer.needles.map((needle) => needle.seeds));
    element("plane-needle").value = String(viewer.needles.findIndex((needle) => needle.seeds === most));
    element("plane-to").value = String(Math.min(1, viewer.seeds.number.length - 1));
    if (!viewer.needles.length) {
      element("plane-kind").querySelector("[value=needle]").remove();
      element("plane-kind").value = "seeds";
    }
  }

  const angle = (id) => { element(id + "-label").textContent = viewer.signed(number(id), 0) + "°"; };

  function showPlaneControls() {
    const kind = element("plane-kind").value;
    document.querySelectorAll("#plane-controls [data-for]").forEach((part) => { part.hidden = !part.dataset.for.split(" ").includes(kind); });
    ["plane-roll", "plane-turn", "plane-tilt"].forEach(angle);
    const chosen = Array.from(document.querySelectorAll("#plane-controls select")).filter((list) => !list.parentElement.hidden);
    element("plane-name").textContent = "Plane " + chosen.map((list) => list.selectedOptions[0].textContent).join(", ");
  }

  function wireFigures(name) {
    for (const figure of ["isodose-", "difference-"]) {
      const plot = element(figure + name);
      plot.on("plotly_hover", (event) => {
        const { x, y } = event.points[0];
        element("read-out").textContent = viewer.tell(viewer.planes[name].place(x, y));
      });
      plot.addEventListener("wheel", (event) => byWheel(name, event), { passive: false });
      plot.addEventListener("keydown", (event) => byKeys(name, event));
    }
    element("slider-" + name).addEventListener("input", () => later(name));
  }

  viewer.startControls = function () {
    fillLists();
    showPlaneControls();
    for (const [name, view] of Object.entries(viewer.gridViews)) {
      const slider = element("slider-" + name);
      slider.max = data.shape[view.through] - 1;
      slider.value = data.start[view.through];
    }
    Object.keys(viewer.gridViews).forEach((name) => { draw(name); wireFigures(name); });
    const checks = (id, hidden) => document.querySelectorAll("#" + id + " input").forEach((box) => box.addEventListener("change", () => {
      if (box.checked) hidden.delete(Number(box.value)); else hidden.add(Number(box.value));
      all();
    }));
    checks("outline-key", state.hiddenStructures);
    checks("dose-key", state.hiddenDoses);
    const maps = element("map");
    maps.addEventListener("change", () => { state.map = data.maps[Number(maps.value)]; showScale(); all(); });
    const range = element("range");
    range.value = String(state.range);
    range.addEventListener("change", () => { state.range = Number(range.value); showScale(); all(); });
    showScale();
    document.querySelectorAll("#plane-controls select").forEach((list) => list.addEventListener("change", () => {
      element("slider-oblique").value = 0;
      showPlaneControls();
      later("oblique");
    }));
    ["plane-roll", "plane-turn", "plane-tilt"].forEach((id) => element(id).addEventListener("input", () => { angle(id); later("oblique"); }));
  };

  viewer.startOblique = function () {
    draw("oblique");
    wireFigures("oblique");
  };
})(window.seedViewer);
