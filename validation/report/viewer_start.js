"use strict";
/* Draws everything once the page is there: slices first, then the plane that is chosen, then the view in space. */
(function (viewer) {
  const notice = document.getElementById("slice-notice");
  const failed = (place, what) => (reason) => { place.textContent = what + " could not be drawn: " + reason; throw reason; };

  async function start() {
    if (typeof DecompressionStream === "undefined") {
      notice.textContent = "This browser cannot unpack the slices. Open the report in one from 2023 or later.";
      return;
    }
    await viewer.load();
    viewer.startControls();
    notice.remove();
    document.body.dataset.slices = "drawn";
    const space = document.getElementById("space-notice");
    // One after the other, with time between for the page to scroll and answer.
    setTimeout(() => {
      viewer.startOblique();
      document.body.dataset.oblique = "drawn";
      setTimeout(() => viewer.startSpace().catch(failed(space, "Seeds in space")), 0);
    }, 0);
  }
  start().catch(failed(notice, "The slices"));
})(window.seedViewer);
