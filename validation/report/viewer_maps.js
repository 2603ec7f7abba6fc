"use strict";
/* What the volumes mean: doses, the difference, z-score and gamma.
   Doses are kept as ln(dose / prescription) and interpolated so: between two voxels a dose that falls steeply is nearly
   a straight line in its logarithm. A difference is interpolated as ln(dose / other dose), which is the same thing. */
(function (viewer) {
  const data = viewer.data;
  const DIVERGING = [
    [0, "#053061"], [0.15, "#2166ac"], [0.3, "#67a9cf"], [0.45, "#d1e5f0"], [0.5, "#f7f7f7"],
    [0.55, "#fddbc7"], [0.7, "#ef8a62"], [0.85, "#b2182b"], [1, "#67001f"],
  ];
  const GAMMA = [[0, "#f7f7f7"], [0.25, "#d9d9d9"], [0.5, "#bdbdbd"], [0.5, "#fdae61"], [0.75, "#d7301f"], [1, "#67001f"]];

  viewer.state = { map: data.maps[0], range: data.range, hiddenStructures: new Set(), hiddenDoses: new Set() };

  // Packed name of ln(dose / reference) of the judged, the reference and the other dose.
  const OVER_REFERENCE = ["ratio", "", "other"];

  const logRatio = (name, places) =>
    name === "" ? new Float32Array(places.count) : viewer.sampled(name, places).map((v) => v / data.logSteps);

  /* Dose number `k` in % of the prescription. A ratio is hidden at little dose, where the reference dose stands for it:
     below every isodose. It is hidden inside seeds and where a dose from elsewhere is not known, too: no line there. */
  viewer.percentOfPrescription = function (k, places) {
    const reference = viewer.sampled("reference", places), name = OVER_REFERENCE[k];
    const ratio = name === "" ? null : viewer.sampled(name, places);
    const low = data.logSteps * Math.log(data.isodoses[0].percent / 100);
    return reference.map((v, p) => {
      const r = ratio === null || (Number.isNaN(ratio[p]) && v < low) ? 0 : ratio[p];
      return 100 * Math.exp((v + r) / data.logSteps);
    });
  };

  const stepped = (name, steps, places) => viewer.sampled(name, places).map((v) => v / steps);
  const KINDS = {
    percent: {
      colours: DIVERGING, unit: " %", digits: 1,
      values: (map, places) => {
        const one = logRatio(map.volume, places), two = logRatio(map.over, places);
        return one.map((v, p) => 100 * (Math.exp(v - two[p]) - 1));
      },
      limits: () => [-viewer.state.range, viewer.state.range],
    },
    z: {
      colours: DIVERGING, unit: "", digits: 1,
      values: (map, places) => stepped(map.volume, data.zSteps, places),
      limits: () => [-data.largestZ, data.largestZ],
    },
    gamma: {
      colours: GAMMA, unit: "", digits: 2,
      values: (map, places) => stepped(map.volume, data.gammaSteps, places),
      limits: () => [0, 2],
    },
  };
  viewer.kind = () => KINDS[viewer.state.map.kind];
  viewer.mapValues = (places) => viewer.kind().values(viewer.state.map, places);

  const minus = (text) => text.replace("-", "−");
  viewer.fixed = (value, digits) => minus(value.toFixed(digits));
  viewer.signed = (value, digits) => (value > 0 ? "+" : "") + minus(value.toFixed(digits));

  /* One line of text about a place; the voxel that holds it gives the medium and the uncertainty. */
  viewer.tell = function (at) {
    const voxel = viewer.voxel(at);
    if (voxel < 0) return "outside the dose grid";
    const where = "(" + at.map((v) => viewer.fixed(v, 1)).join(", ") + ") mm";
    const places = viewer.between(1, () => at);
    const doses = data.labels.map((label, k) => {
      const name = OVER_REFERENCE[k];
      if (Number.isNaN(viewer.sampled("ratio", places)[0]) || (name && Number.isNaN(viewer.sampled(name, places)[0]))) return null;
      return 0.01 * data.prescription * viewer.percentOfPrescription(k, places)[0];
    });
    const parts = [];
    if (doses[0] === null)
      parts.push("dose below " + Math.round(100 * data.lowestShown) + " % of the prescription, or inside a seed");
    else {
      const u = viewer.volumes.uncertainty[voxel];
      parts.push(data.labels[0] + " " + doses[0].toPrecision(4) + " Gy" + (u ? " ± " + (u / 10).toFixed(1) + " %" : ""));
      parts.push(data.labels[1] + " " + doses[1].toPrecision(4) + " Gy");
      parts.push("difference " + viewer.signed(100 * (doses[0] / doses[1] - 1), 1) + " %");
      if (doses.length > 2 && doses[2] !== null) parts.push(data.labels[2] + " " + doses[2].toPrecision(4) + " Gy");
    }
    const kind = viewer.kind(), value = viewer.mapValues(places)[0];
    if (viewer.state.map.kind === "z" && !Number.isNaN(value)) parts.push("z-score " + viewer.signed(value, kind.digits));
    if (viewer.state.map.kind === "gamma" && !Number.isNaN(value)) parts.push("gamma " + viewer.fixed(value, kind.digits));
    return where + " · " + data.media[viewer.volumes.medium[voxel]] + " · " + parts.join(", ");
  };
})(window.seedViewer);
