// Uses the page as a reader would, then leaves word of it in the body's dataset.
window.addEventListener("error", (event) => { document.body.dataset.failed = event.message; });
window.addEventListener("unhandledrejection", (event) => { document.body.dataset.failed = String(event.reason); });
const element = (id) => document.getElementById(id);
const pause = () => new Promise((go) => setTimeout(go, 120));
const told = {};

async function set(id, value, event = "input") {
  element(id).value = value;
  element(id).dispatchEvent(new Event(event));
  await pause();
}

async function gridViews() {
  const axial = element("isodose-axial"), slider = element("slider-axial");
  told.start = slider.value;
  axial.dispatchEvent(new WheelEvent("wheel", { deltaY: -100, cancelable: true }));
  told.wheel = slider.value;
  axial.dispatchEvent(new KeyboardEvent("keydown", { key: "PageDown", cancelable: true }));
  told.pageDown = slider.value;
  axial.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", cancelable: true }));
  told.arrow = slider.value;
  axial.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", cancelable: true }));
  told.home = slider.value;
  const past = new WheelEvent("wheel", { deltaY: 100, cancelable: true });
  axial.dispatchEvent(past);
  told.pastTheEnd = past.defaultPrevented;
  for (const name of ["axial", "coronal", "sagittal"]) await set("slider-" + name, Number(told.start) + 3);
  told.label = element("label-axial").textContent;
  told.spoken = slider.getAttribute("aria-valuetext");
  const before = axial.data.length;
  document.querySelector("#outline-key input").click();
  await pause();
  told.structuresHidden = before - axial.data.length;
  document.querySelector("#outline-key input").click();
  const doses = () => axial.data.filter((trace) => trace.type === "contour").map((trace) => trace.name);
  told.doses = doses();
  document.querySelector("#dose-key input").click();
  await pause();
  told.dosesLeft = doses();
  document.querySelector("#dose-key input").click();
  await set("range", "100", "change");
  const plot = element("difference-axial");
  plot.emit("plotly_hover", { points: [{ x: 0.75, y: 0.75 }] });
  told.traces = plot.data.length;
  told.limit = plot.data[1].zmax;
  told.isodose = document.querySelectorAll("#isodose-axial .contourlines path, #isodose-axial .contour path").length;
  told.dvh = document.querySelectorAll("#dvh .scatterlayer .trace").length;
}

async function maps() {
  const list = element("map"), plot = element("difference-axial");
  told.maps = Array.from(list.options).map((o) => o.textContent);
  told.drawn = [];
  for (const option of Array.from(list.options)) {
    await set("map", option.value, "change");
    const values = plot.data[1].z.flatMap((row) => Array.from(row)).filter((v) => !Number.isNaN(v));
    told.drawn.push([plot.data[1].zmin, plot.data[1].zmax, values.length, Math.min(...values), Math.max(...values)]);
  }
  await set("map", "0", "change");
}

// Values of every layer at a lattice of samples of the plane.
function samples() {
  const isodose = element("isodose-oblique").data, map = element("difference-oblique").data[1], found = [];
  const dose = isodose.find((trace) => trace.name === "Monte Carlo"), grey = isodose[0];
  const some = (n) => [0.1, 0.25, 0.4, 0.5, 0.55, 0.65, 0.8].map((part) => Math.round(part * (n - 1)));
  // Isodoses are contoured where there is dose enough for one.
  const doseAt = (x, y) => (dose.z[dose.y.indexOf(y)] || [])[dose.x.indexOf(x)];
  for (const i of some(grey.x.length))
    for (const j of some(grey.y.length))
      found.push([grey.x[i], grey.y[j], grey.z[j][i], doseAt(grey.x[i], grey.y[j]), map.z[j][i]].map((v) => (Number.isNaN(v) ? null : v)));
  return found;
}

async function oblique() {
  told.planes = {};
  await set("plane-kind", "free", "change");
  await set("plane-centre", "0", "change");
  await set("plane-turn", "25");
  await set("plane-tilt", "-35");
  await set("slider-oblique", "2.5");
  told.planes.free = { samples: samples(), label: element("label-oblique").textContent };
  element("isodose-oblique").dispatchEvent(new WheelEvent("wheel", { deltaY: -100, cancelable: true }));
  told.obliqueWheel = element("slider-oblique").value;
  await set("plane-kind", "seeds", "change");
  await set("plane-from", "1", "change");
  await set("plane-to", "6", "change");
  await set("plane-roll", "40");
  told.planes.seeds = { samples: samples(), label: element("label-oblique").textContent };
  await set("plane-kind", "needle", "change");
  await set("plane-roll", "0");
  await set("plane-needle", "2", "change");
  const isodose = element("isodose-oblique");
  told.planes.needle = { samples: samples(), label: element("label-oblique").textContent };
  const trace = (name) => isodose.data.find((one) => one.name === name);
  told.seedOutline = [trace("seeds").x, trace("seeds").y];
  told.seedNames = trace("seed numbers").hovertext;
  told.nearOutlines = trace("seeds near").x.filter((v) => v === null).length;
  told.contoured = isodose.data.filter((one) => one.contours && one.contours.coloring === "none").map((one) => one.name);
}

async function space() {
  const plot = element("space");
  const names = () => plot.data.map((trace) => trace.name);
  told.inSpace = names();
  const seeds = plot.data[0];
  told.seedMesh = { seeds: seeds.meta.seeds, corners: seeds.x.length, texts: Array.from(new Set(seeds.hovertext)), type: seeds.type };
  told.needleEnds = plot.data[1].x.length;
  const target = plot.data[plot.data.length - 1];
  told.target = { x: Array.from(target.x), y: Array.from(target.y), z: Array.from(target.z), i: Array.from(target.i), j: Array.from(target.j), k: Array.from(target.k) };
  const drawn = Object.values(plot._fullLayout.scene._scene.traces).filter((trace) => trace.mesh);
  told.underThePointer = drawn.filter((trace) => trace.mesh.drawPick).map((trace) => trace.data.name);
  document.querySelector("#space-key input[value='isodose 1']").click();
  element("space-plane").click();
  await pause(); await pause();
  told.moreInSpace = names();
  // A browser without WebGL.
  const canvas = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return kind.includes("webgl") ? null : canvas.call(this, kind, ...more); };
  await seedViewer.startSpace();
  told.withoutWebGL = element("space-notice").textContent;
}

const waiting = setInterval(async () => {
  if (!document.body.dataset.space) return;
  clearInterval(waiting);
  told.space = document.body.dataset.space;
  await gridViews();
  await maps();
  await oblique();
  if (told.space === "drawn") await space();
  told.notices = ["slice-notice"].filter((id) => element(id));
  document.body.dataset.told = JSON.stringify(told);
  document.body.dataset.done = "yes";
}, 50);
