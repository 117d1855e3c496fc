// Comfort only: every page is whole without this file.
(() => {
  "use strict";

  // -- times of the reader's zone
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const two = (n) => String(n).padStart(2, "0");
  const day = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
  const full = (d) => `${day(d)} ${clock(d)}:${two(d.getSeconds())}`;
  const localise = (within) => {
    for (const time of within.querySelectorAll("time")) {
      const d = new Date(time.dateTime);
      if (Number.isNaN(d.getTime())) continue;
      if (time.classList.contains("ago")) time.title = `${full(d)} (${zone})`;
      if (time.classList.contains("at")) time.textContent = full(d);
      if (time.classList.contains("tick")) time.textContent = `${day(d).slice(5)} ${clock(d)}`;
    }
  };
  localise(document);
  const said = document.getElementById("zone");
  if (said) said.textContent = zone;

  // -- keys: / goes to the search, Escape closes menus
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const box = document.getElementById("q");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    }
    if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // -- copying
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre").textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Not allowed"; }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // -- alerts as they change: the list is fetched anew, one alert says that it has changed
  const live = document.querySelector("[data-live]");
  if (live && typeof EventSource === "function") {
    const said = document.getElementById("live-said");
    const say = (words, lost) => { said.textContent = words; said.classList.toggle("lost", lost); };
    const gone = "Not live: the connection is lost, trying again.";
    let last = live.dataset.live, source = null, again = 0, due = 0;

    async function refresh() {
      due = 0;
      try {
        const answer = await fetch(location.href);
        if (!answer.ok) throw new Error(answer.status);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const place of ["[data-live]", "#firing"]) {
          document.querySelector(place).replaceChildren(...page.querySelector(place).childNodes);
        }
        localise(live);
        if (source && source.readyState === EventSource.OPEN) say("Live.", false);
      } catch {
        say(gone, true);
        due = setTimeout(refresh, 5000);
      }
    }
    function changed(event) {
      last = event.lastEventId;
      if (!live.dataset.alert) { due ||= setTimeout(refresh, 400); return; }
      if (JSON.parse(event.data).alert.id === live.dataset.alert) document.getElementById("changed").hidden = false;
    }
    function close() {
      clearTimeout(again);
      if (source) source.close();
      source = null;
    }
    function open() {
      close();
      source = new EventSource(`/api/v1/alerts/stream?after=${encodeURIComponent(last)}`);
      source.onopen = () => say("Live.", false);
      source.onerror = () => {
        say(gone, true);
        // The browser tries again by itself, unless it was refused.
        if (source && source.readyState === EventSource.CLOSED) { close(); again = setTimeout(open, 10000); }
      };
      for (const kind of live.dataset.kinds.split(" ")) source.addEventListener(kind, changed);
    }
    // A page nobody looks at keeps no connection; browsers have six of them for a server.
    document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
    if (!document.hidden) open();
  }

  // -- charts to point at
  if (typeof uPlot !== "function") return;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.className = name;
    document.body.append(probe);
    const found = getComputedStyle(probe).backgroundColor;
    probe.remove();
    return found;
  };
  const count = new Intl.NumberFormat("en-US");
  const short = new Intl.NumberFormat("en-US", { notation: "compact" });

  function draw(figure) {
    const chart = JSON.parse(figure.dataset.chart);
    const layers = chart.layers;
    if (!chart.times.length || !layers.length) return;
    const plot = figure.querySelector(".plot");
    const still = plot.querySelector("svg");
    const sums = [];
    let below = chart.times.map(() => 0);
    for (const layer of layers) {
      below = below.map((n, i) => n + layer.counts[i]);
      sums.push(below);
    }
    // Stacked: the whole is drawn first, then what lies below it, each covering the one before.
    const order = chart.lines ? layers.map((_, i) => i) : layers.map((_, i) => layers.length - 1 - i);
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    plot.append(tip);
    let last = null;

    function options() {
      const axis = { stroke: style("--faint"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
      return {
        width: plot.clientWidth, height: 170, legend: { show: false }, padding: [8, 18, 0, 0],
        cursor: { y: false, points: { show: false }, drag: { x: Boolean(chart.zoom), y: false, setScale: false } },
        scales: { x: { time: true, range: () => [chart.times[0], chart.times[chart.times.length - 1] + chart.step] }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.05, 1)] } },
        axes: [{ ...axis, grid: { show: false }, size: 26, values: [
          [31536000, "{YYYY}", null, null, null, null, null, null, 1], [2419200, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1], [86400, "{MM}-{DD}", null, null, null, null, null, null, 1],
          [3600, "{HH}:{mm}", null, null, "{MM}-{DD}", null, null, null, 0], [60, "{HH}:{mm}", null, null, "{MM}-{DD}", null, null, null, 0], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
        { ...axis, size: 46, values: (_u, ticks) => ticks.map((n) => (n % 1 ? "" : short.format(n))) }],
        series: [{}, ...order.map((i) => {
          const stroke = colour(layers[i].class);
          return chart.lines
            ? { label: layers[i].name, stroke, width: 1.5, points: { show: false } }
            : { label: layers[i].name, fill: stroke, stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.82, 40], align: 1 }) };
        })],
        hooks: { setCursor: [point], setSelect: [choose], draw: [mark] },
      };
    }
    function point(u) {
      const i = u.cursor.idx;
      if (i == null || u.cursor.left < 0) { tip.hidden = true; return; }
      if (i !== last || tip.hidden) {
        last = i;
        tip.replaceChildren();
        const from = new Date(chart.times[i] * 1000), to = new Date((chart.times[i] + chart.step) * 1000);
        const head = document.createElement("b");
        head.textContent = `${day(from)} ${clock(from)} – ${clock(to)}`;
        tip.append(head);
        const rows = layers.filter((l) => l.counts[i] > 0).sort((a, b) => b.counts[i] - a.counts[i]);
        for (const layer of rows.slice(0, 10)) {
          const row = document.createElement("div");
          const swatch = document.createElement("span"), name = document.createElement("span"), n = document.createElement("span");
          swatch.className = `swatch ${layer.class}`;
          name.textContent = layer.name;
          n.textContent = count.format(layer.counts[i]);
          row.append(swatch, name, n);
          tip.append(row);
        }
        if (!rows.length) tip.append("nothing");
        tip.hidden = false;
      }
      const x = u.over.offsetLeft + u.cursor.left;
      const left = x + 16 + tip.offsetWidth > plot.clientWidth ? x - 16 - tip.offsetWidth : x + 16;
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = "10px";
    }
    function choose(u) {
      if (!chart.zoom || u.select.width < 4) return;
      const at = (x) => new Date(Math.round(u.posToVal(x, "x")) * 1000).toISOString();
      const address = new URL(chart.zoom, location.href);
      address.searchParams.set("from", at(u.select.left));
      address.searchParams.set("to", at(u.select.left + u.select.width));
      location.assign(address);
    }
    function mark(u) {
      const ctx = u.ctx;
      ctx.save();
      ctx.textAlign = "left";
      ctx.textBaseline = "top";
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      for (const line of chart.markers) {
        const x = Math.round(u.valToPos(line.at, "x", true));
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        const ink = style(line.alert ? "--critical" : "--accent");
        ctx.strokeStyle = ink;
        ctx.setLineDash([5, 4]);
        ctx.beginPath(); ctx.moveTo(x, u.bbox.top); ctx.lineTo(x, u.bbox.top + u.bbox.height); ctx.stroke();
        const text = line.title.slice(0, 40), width = ctx.measureText(text).width, pad = 4 * devicePixelRatio;
        const left = x + width + 3 * pad > u.bbox.left + u.bbox.width ? x - width - 2 * pad : x;
        ctx.fillStyle = style("--bg");
        ctx.fillRect(left, u.bbox.top, width + 2 * pad, 15 * devicePixelRatio);
        ctx.fillStyle = ink;
        ctx.fillText(text, left + pad, u.bbox.top + 2 * devicePixelRatio);
      }
      ctx.restore();
    }
    const data = [chart.times, ...order.map((i) => (chart.lines ? layers[i].counts : sums[i]))];
    figure.classList.add("alive");
    still.remove();
    let u = new uPlot(options(), data, plot);
    new ResizeObserver(() => { if (plot.clientWidth) u.setSize({ width: plot.clientWidth, height: 170 }); }).observe(plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { u.destroy(); u = new uPlot(options(), data, plot); });
    plot.addEventListener("mouseleave", () => { tip.hidden = true; });
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) draw(figure);
})();
