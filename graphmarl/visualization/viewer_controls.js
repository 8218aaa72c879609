// Elements of the page: controls and the places of the picture and its words.

const SPEEDS = [1, 2, 4, 8, 16];

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function labelled(text, control) {
  return element("label", {}, element("span", {}, text), control);
}

function fill(select, options, chosen) {
  select.replaceChildren(
    ...options.map(([value, text]) => element("option", { value: String(value) }, text)),
  );
  select.value = String(chosen);
}

function makeControls(data) {
  const range = (max, step) => element("input", { type: "range", min: 0, max, step, value: 0 });
  const made = {
    play: element("button", { type: "button" }, "Play"),
    step: range(1, 1),
    place: element("output", {}),
    speed: element("select", {}),
    episode: element("select", {}),
    channel: element("select", {}),
    column: element("select", {}),
    bins: element("select", {}),
    threshold: range(1, 0.01),
    colour: element("select", {}),
    ids: element("input", { type: "checkbox" }),
    agent: element("select", {}),
    direction: element("fieldset", {}),
  };
  fill(made.speed, SPEEDS.map((each) => [each, `${each} steps/s`]), 4);
  fill(made.episode, data.episodes.map((each, i) => [i, String(each.episode)]), 0);
  fill(made.channel, data.edges.channels.map((each, i) => [i, each.label]), 0);
  fill(made.bins, [["equal", "of equal width"], ["counts", "with equally many edges"]], "equal");
  const colours = Object.keys(data.agents.scales).map((name) => [name, name]);
  fill(made.colour, [["", "one colour"], ...colours], "");
  const present = [...new Set(data.agents.number)].sort((a, b) => a - b);
  fill(made.agent, [[-1, "all agents"], ...present.map((each) => [each, `agent ${each}`])], -1);
  return made;
}

function arrange(root, made, several) {
  const part = (name) => element("div", { className: name });
  const found = { plot: part("plot"), key: part("key"), caption: part("caption") };
  found.words = part("words");
  found.details = part("details");
  found.caption.setAttribute("aria-live", "polite");
  const moving = element("div", { className: "moving" }, made.play, labelled("Step", made.step));
  moving.append(made.place);
  const rows = [labelled("Speed", made.speed)];
  if (several) rows.push(labelled("Episode", made.episode));
  rows.push(
    labelled("Layer", made.channel),
    labelled("Arrows by", made.column),
    labelled("Intervals", made.bins),
    labelled("Hide weakest", made.threshold),
    labelled("Agents by", made.colour),
    labelled("Agent numbers", made.ids),
    labelled("Selected agent", made.agent),
    made.direction,
  );
  // A form keeps its radio buttons apart from those of other graphs of the page.
  const controls = element("form", { className: "controls" }, ...rows);
  const picture = element("div", { className: "picture" }, found.plot, moving);
  picture.append(found.key, found.words, found.caption, found.details);
  root.append(element("div", { className: "columns" }, picture, controls));
  return found;
}

// Whether a layer has attention decides how its directions are called.
function directionsOf(data, state) {
  const channel = data.edges.channels[state.channel];
  const who = state.agent < 0 ? "the agent" : `agent ${state.agent}`;
  const attends = channel && Object.keys(channel.scales).some(isAttention);
  const to = attends ? `: senders that ${who} attends to` : "";
  const from = attends ? `: receivers that attend to ${who}` : "";
  return [
    ["both", "All its edges"],
    ["in", `Only edges to ${who}, which receives${to}`],
    ["out", `Only edges from ${who}, which sends${from}`],
  ];
}

// The choices are kept as elements, so that the one with the focus keeps it.
function showDirections(fieldset, data, state) {
  directionsOf(data, state).forEach(([value, text], i) => {
    if (fieldset.children.length <= i) {
      const input = element("input", { type: "radio", name: "direction", value });
      fieldset.append(element("label", {}, input, element("span", {})));
    }
    const [input, words] = fieldset.children[i].children;
    input.checked = value === state.direction;
    words.textContent = text;
  });
}

function showState(made, data, state) {
  const times = data.episodes[state.episode].times;
  const channel = data.edges.channels[state.channel];
  made.step.max = times.length - 1;
  const names = channel ? Object.keys(channel.scales) : [];
  const columns = names.map((name) => [name, name]);
  fill(made.column, [...columns, [names.length ? "none" : "", "no column"]], state.column);
  showDirections(made.direction, data, state);
  made.place.value = `${state.step} of ${times.length - 1}`;
  for (const name of ["step", "episode", "channel", "bins", "threshold", "colour", "agent"]) {
    made[name].value = String(state[name]);
  }
  made.ids.checked = state.ids;
  made.direction.disabled = state.agent < 0;
  made.channel.disabled = data.edges.channels.length < 2;
  made.bins.disabled = made.threshold.disabled = !boundsOf(data, state);
  made.step.setAttribute("aria-valuetext", `step ${state.step} of ${times.length - 1}`);
}
