// The live what-if: what docs/reference/what-if-form.md describes, on the points that the page carries.
"use strict";
(() => {
  const holder = document.getElementById("what-if-form");
  if (!holder) return;
  const { form, show } = JSON.parse(holder.textContent);
  const points = form.points;
  const size = form.covariance.length;
  const moments = [...new Set(form.models.map((model) => model.moment))];
  const modelOf = (moment, rung) => form.models.find((model) => model.moment === moment && model.rung === rung);
  const gaps = form.readings.map(({ values }) => values.slice(1).map((value, k) => value - values[k]));
  const mean = form.levers.map((_, j) => points.weight.reduce((sum, w, i) => sum + w * points.level[j][i], 0));
  const COUNTED_TO = 8;

  const columns = (lever, x) => {
    const raw = [lever.shape === "log1p" ? Math.log1p(x) : x];
    const [b, c] = lever.knots.slice(-2);
    const cube = (at) => Math.max(x - at, 0) ** 3;
    for (const a of lever.knots.slice(0, -2)) {
      const bend = cube(a) - (cube(b) * (c - a)) / (c - b) + (cube(c) * (b - a)) / (c - b);
      raw.push(bend / (c - lever.knots[0]) ** 2);
    }
    return lever.turn[0].map((_, j) => raw.reduce((sum, value, i) => sum + value * lever.turn[i][j], 0));
  };

  const chances = (n, chance) => {  // of k out of n
    const found = [];
    for (let k = 0, ways = 1; k <= n; ways = (ways * (n - k)) / (k + 1), k += 1) {
      found.push(ways * chance ** k * (1 - chance) ** (n - k));
    }
    return found;
  };

  const statesOf = (lever, level, average, change) => {  // [chance, new level] of one point
    const rate = average > 0 ? Math.max(change / average, -1) : 0;
    const top = Math.max(level, lever.high);
    let [up, n, chance] = [rate < 0 ? -1 : 1, level, Math.min(Math.abs(rate), 1)];
    if (lever.is_share && rate > 0) {
      [n, chance] = [Math.max(1 - level, 0), average < 1 ? Math.min(change / (1 - average), 1) : 0];
    }
    if (lever.shape !== "count" || n > COUNTED_TO) {
      return [[1, Math.min(Math.max(level * (1 + rate), Math.min(level, lever.low)), top)]];
    }
    return chances(Math.trunc(n), chance)
      .map((p, k) => [p, Math.min(level + up * k, top)])
      .filter(([p]) => p > 0);
  };

  // Worlds: every point in every state of the changed levers, with its weight and the levers' new levels.
  const worldsOf = (asked) => {
    let worlds = points.weight.map((weight, point) => ({ weight, point, level: new Map() }));
    for (const [j, change] of asked) {
      worlds = worlds.flatMap((world) => {
        const here = statesOf(form.levers[j], points.level[j][world.point], mean[j], change);
        return here.map(([p, level]) => ({ ...world, weight: world.weight * p, level: new Map([...world.level, [j, level]]) }));
      });
    }
    return worlds;
  };

  // What one model does in one world: its shift of each cut, and by which coefficients.
  const shiftOf = (model, world, nCuts) => {
    const shift = new Float64Array(nCuts);
    const moves = [];
    for (const [j, now] of world.level) {
      const lever = form.levers[j];
      const found = model.coefficients[lever.name];
      if (!found) continue;
      const after = columns(lever, now);
      const before = columns(lever, points.level[j][world.point]);
      let place = found.first;
      found.columns.forEach((coefficients, at) => {
        const move = after[at] - before[at];
        for (let k = 0; k < nCuts; k += 1) shift[k] += move * coefficients[k % coefficients.length];
        moves.push([place, coefficients.length, move]);
        place += coefficients.length;
      });
    }
    return { shift, moves };
  };

  const expit = (x) => 1 / (1 + Math.exp(-x));

  // Changes of all readings, and their gradients, by the models of one rung: one entry per moment that has one.
  const partsOf = (worlds, asked, rung) => {
    const nCuts = gaps[0].length;
    const steps = moments.map((moment) => {
      const model = modelOf(moment, rung) || modelOf(moment, "within");
      return { moment, model, at: form.models.indexOf(model), counts: model.rung === rung };
    }).filter(({ model }) => asked.some(([j]) => model.coefficients[form.levers[j].name]));
    const parts = steps.map(() => gaps.map(() => ({ change: 0, gradient: new Float64Array(size) })));
    for (const world of worlds) {
      const before = new Float64Array(nCuts);
      const earlier = [];
      steps.forEach(({ model, at, counts }, place) => {
        const { shift, moves } = shiftOf(model, world, nCuts);
        if (counts) add(parts[place], model, points.base[at], world, before, shift, moves, earlier);
        for (let k = 0; k < nCuts; k += 1) before[k] += shift[k];
        earlier.push(...moves);
      });
    }
    return new Map(steps.flatMap(({ moment, counts }, place) => (counts ? [[moment, parts[place]]] : [])));
  };

  const add = (part, model, base, world, before, shift, moves, earlier) => {
    const i = world.point;
    model.cuts.forEach((cut, k) => {
      const start = cut - base[k % base.length][i] - before[k];
      const [first, last] = [expit(start), expit(start - shift[k])];
      const [was, is] = [first * (1 - first), last * (1 - last)];
      gaps.forEach((gap, r) => {
        const scaled = world.weight * gap[k];
        const { gradient } = part[r];
        part[r].change += scaled * (first - last);
        for (const [place, n, move] of moves) gradient[place + (k % n)] += scaled * move * is;
        for (const [place, n, move] of earlier) gradient[place + (k % n)] += scaled * move * (is - was);
      });
    });
    for (const [j, level] of world.level) {
      const rest = model.remainders[form.levers[j].name];
      if (!rest) continue;
      const made = world.weight * (level - points.level[j][i]);
      gaps.forEach((_, r) => { part[r].gradient[rest.place] += rest.per_unit[r] * made; });
    }
  };

  const summed = (weighed) => gaps.map((_, r) => {
    const total = { change: 0, gradient: new Float64Array(size) };
    for (const [share, part] of weighed) {
      total.change += share * part[r].change;
      part[r].gradient.forEach((value, place) => { total.gradient[place] += share * value; });
    }
    return total;
  });

  const errorOf = (gradient) => {
    let variance = 0;
    gradient.forEach((one, p) => {
      if (one) form.covariance[p].forEach((value, q) => { variance += one * value * gradient[q]; });
    });
    return Math.sqrt(Math.max(variance, 0));
  };

  // changes: {lever: change of its mean} -> per reading its estimate, corrected estimate and interval.
  const whatIf = (changes) => {
    const asked = form.levers.map((lever, j) => [j, changes[lever.name] || 0]).filter(([, change]) => change);
    const nothing = { estimate: 0, corrected: null, low: 0, high: 0 };
    if (!asked.length) return { readings: form.readings.map(({ name }) => ({ name, ...nothing })), made: {} };
    const worlds = worldsOf(asked);
    const within = partsOf(worlds, asked, "within");
    const beside = partsOf(worlds, asked, "beside");
    const kappa = (moment) => (beside.has(moment) ? modelOf(moment, "beside").kappa || 0 : 0);
    const plain = summed([...within.values()].map((part) => [1, part]));
    const corrected = beside.size === 0 ? null : summed([
      ...[...within].map(([moment, part]) => [1 - kappa(moment), part]),
      ...[...beside].map(([moment, part]) => [kappa(moment), part]),
    ]);
    beside.forEach((part, moment) => {
      const { kappa_place: place } = modelOf(moment, "beside");
      corrected.forEach(({ gradient }, r) => { gradient[place] += part[r].change - within.get(moment)[r].change; });
    });
    const reach = Math.max(...asked.map(([j]) => form.levers[j].reach));
    const readings = form.readings.map(({ name }, r) => {
      const centres = [plain[r], ...(corrected ? [corrected[r]] : [])];
      const ends = centres.map(({ change, gradient }) => [change, errorOf(gradient)]);
      return {
        name, estimate: plain[r].change, corrected: corrected ? corrected[r].change : null,
        low: Math.min(...ends.map(([at, error]) => at - reach * error)),
        high: Math.max(...ends.map(([at, error]) => at + reach * error)),
      };
    });
    const made = Object.fromEntries(asked.map(([j]) => [form.levers[j].name, worlds.reduce(
      (sum, world) => sum + world.weight * (world.level.get(j) - points.level[j][world.point]), 0,
    )]));
    return { readings, made };
  };

  // What the reader sees.
  const section = document.getElementById("what-if");
  const plain = (value, digits, sign) => {
    const rounded = Number(value.toFixed(digits)) || 0;
    const [whole, rest] = Math.abs(rounded).toFixed(digits).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, show.thousands);
    const mark = rounded < 0 ? "−" : sign && rounded > 0 ? "+" : "";
    return mark + grouped + (rest ? show.decimal + rest : "");
  };
  const ends = (low, high, digits) => {  // of a sure change neither reads as none, as in Python
    let finer = low < high && plain(low, digits, true) === plain(high, digits, true) ? 1 : 0;
    if (low * high > 0) {
      const nearer = Math.min(Math.abs(low), Math.abs(high));
      finer = [0, 1, 2].find((n) => n >= finer && Number(nearer.toFixed(digits + n))) ?? finer;
    }
    return { low: plain(low, digits + finer, true), high: plain(high, digits + finer, true) };
  };
  const trimmed = (value, digits) => {
    const text = plain(value, digits);
    return digits ? text.replace(/0+$/, "").replace(new RegExp(`\\${show.decimal}$`), "") : text;
  };
  const fill = (phrase, values) => phrase.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
  const sliders = [...section.querySelectorAll("input[type=range]")];
  const levelText = (at, value) => {
    const n = trimmed(value * at.factor, at.digits);
    return fill(n === "1" ? at.one : at.level, { n });
  };

  const draw = () => {
    const changes = {};
    sliders.forEach((slider) => {
      const at = show.levers[slider.dataset.lever];
      const lever = form.levers[slider.dataset.lever];
      const change = (Number(slider.value) / 100) * at.mean;
      if (Number(slider.value)) changes[lever.name] = change;
    });
    const found = whatIf(changes);
    sliders.forEach((slider) => {
      const at = show.levers[slider.dataset.lever];
      const name = form.levers[slider.dataset.lever].name;
      const made = found.made[name] || 0;
      const percent = `${plain(Number(slider.value), 0, true)} %`;
      const level = levelText(at, at.mean + made);
      const said = fill(Number(slider.value) ? show.moved : show.still, { level, percent });
      slider.setAttribute("aria-valuetext", said);
      section.querySelector(`#what-if-lever-${slider.dataset.lever}-now`).textContent = said;
    });
    found.readings.forEach((reading, r) => {
      const { unit, digits } = show.readings[r];
      const values = ends(reading.low, reading.high, digits);
      const row = section.querySelector(`#what-if-reading-${r}`);
      row.querySelector(".figure").textContent = `${plain(reading.corrected ?? reading.estimate, digits, true)} ${unit}`;
      row.querySelector(".detail").textContent = fill(show.interval, values);
      bar(row.querySelector(".range"), reading);
    });
    section.querySelector("#what-if-verdict").textContent = verdict(found.readings[0], Object.keys(changes).length);
    const unsure = show.levers.filter((at, j) => at.doubt && changes[form.levers[j].name]).map((at) => at.doubt);
    section.querySelector("#what-if-doubts").replaceChildren(...unsure.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    section.dataset.result = JSON.stringify(found);
  };

  const verdict = (reading, n) => {
    if (!n) return show.nothing;
    if (reading.low > 0) return show.better;
    return reading.high < 0 ? show.worse : show.unknown;
  };

  const bar = (range, reading) => {
    const reach = show.reach[range.dataset.reading];
    const at = (value) => 50 + 50 * Math.max(-1, Math.min(1, value / reach));
    range.querySelector("i").style.cssText = `left:${at(reading.low)}%;width:${at(reading.high) - at(reading.low)}%`;
    range.querySelector("b").style.cssText = `left:${at(reading.corrected ?? reading.estimate)}%`;
  };

  sliders.forEach((slider) => slider.addEventListener("input", draw));
  section.querySelector("button").addEventListener("click", () => {
    sliders.forEach((slider) => { slider.value = "0"; });
    draw();
  });
  section.hidden = false;
  draw();
})();
