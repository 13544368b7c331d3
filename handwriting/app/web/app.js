// The page: renders strokes to a picture, sends pictures to /predict, and shows the responses.

const INK = 0.07; // width of a stroke, relative to the drawing surface
const SENT_SIZE = 224; // pixels per side of the picture of a drawing
const SEND_EVERY = 60; // milliseconds between requests; only one request is sent at a time
const SPEAK_AFTER = 600; // milliseconds without a new answer, to avoid flooding a screen reader

const NO_SERVER = "The server does not respond. Is it still running?";

const $ = (id) => document.getElementById(id);

const drawing = $("drawing");
const strokes = [];
let models = [];
let limits = null;
let chosenModel = 0;
let chosenPart = 0;
let answer = null; // the last response of the server
let source = null; // "drawing" or "photo": the source of the current picture

// ---- Asking the server ---------------------------------------------------------------------

// One picture is sent at a time. If more pictures arrive in the meantime, only the last one is
// sent. A response that arrives after the drawing was cleared or replaced by a photo is ignored.
let subject = 0;
let waiting = null;
let isSending = false;

function ask(makePicture) {
  waiting = makePicture;
  if (!isSending) sendWaiting();
}

function newSubject() {
  subject += 1;
  waiting = null;
}

async function sendWaiting() {
  isSending = true;
  $("answer").setAttribute("aria-busy", "true");
  while (waiting) {
    const makePicture = waiting;
    waiting = null;
    const asked = subject;
    const result = await predict(makePicture(), source === "drawing");
    if (asked === subject) show(result);
    await new Promise((resolve) => setTimeout(resolve, SEND_EVERY));
  }
  isSending = false;
  $("answer").setAttribute("aria-busy", "false");
}

async function predict(picture, isSingle) {
  const query = new URLSearchParams(models.map((model) => ["model", model.model]));
  query.set("single", isSingle); // a drawing is one digit, even if its strokes are far apart
  try {
    const response = await fetch(`predict?${query}`, {
      method: "POST",
      headers: { "Content-Type": picture.type || "application/octet-stream" },
      body: picture,
    });
    return await response.json();
  } catch {
    return { error: NO_SERVER };
  }
}

// ---- Drawing -------------------------------------------------------------------------------

let current = null; // the stroke that is being drawn

function place(event) {
  const box = drawing.getBoundingClientRect();
  return {
    x: (event.clientX - box.left) / box.width,
    y: (event.clientY - box.top) / box.height,
    // Only pens measure pressure: a mouse reports 0.5, a finger often 0 or 1.
    width: event.pointerType === "pen" ? INK * (0.7 + 0.6 * event.pressure) : INK,
  };
}

drawing.addEventListener("pointerdown", (event) => {
  if (current || !event.isPrimary || event.button !== 0) return;
  event.preventDefault();
  drawing.setPointerCapture(event.pointerId);
  if (source === "photo") {
    newSubject();
    closePhoto();
  }
  current = [place(event)];
  strokes.push(current);
  drawingChanged();
});

drawing.addEventListener("pointermove", (event) => {
  if (!current || !event.isPrimary) return;
  const events = event.getCoalescedEvents?.() ?? [];
  current.push(...(events.length ? events : [event]).map(place));
  drawingChanged();
});

for (const end of ["pointerup", "pointercancel"]) {
  drawing.addEventListener(end, (event) => {
    if (event.isPrimary) current = null;
  });
}

function undo() {
  current = null;
  strokes.pop();
  drawingChanged();
}

function clearDrawing() {
  current = null;
  strokes.length = 0;
  drawingChanged();
}

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clearDrawing);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && strokes.length) {
    event.preventDefault();
    undo();
  }
});

function drawingChanged() {
  paintSoon();
  const isEmpty = strokes.length === 0;
  drawing.parentElement.classList.toggle("used", !isEmpty);
  for (const id of ["undo", "clear"]) {
    $(id).setAttribute("aria-disabled", isEmpty); // `disabled` would remove the focus
  }
  if (isEmpty) {
    newSubject();
    showNothing();
  } else {
    source = "drawing";
    ask(drawnPicture);
  }
}

function drawnPicture() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SENT_SIZE;
  paint(canvas, "#000", "#fff");
  // Not toBlob, which browsers delay while the pen moves.
  const content = atob(canvas.toDataURL("image/png").split(",")[1]);
  return new Blob([Uint8Array.from(content, (c) => c.charCodeAt(0))], { type: "image/png" });
}

let isPaintDue = false;

function paintSoon() {
  if (isPaintDue) return;
  isPaintDue = true;
  requestAnimationFrame(() => {
    isPaintDue = false;
    paint(drawing, getComputedStyle(drawing).getPropertyValue("--ink"));
  });
}

function paint(canvas, ink, paper) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const size = canvas.width;
  context.clearRect(0, 0, size, size);
  if (paper) {
    context.fillStyle = paper;
    context.fillRect(0, 0, size, size);
  }
  context.strokeStyle = ink;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    // Curves through the midpoints of the segments, so that a fast stroke has no corners.
    let from = stroke[0];
    for (let i = 0; i < stroke.length; i++) {
      const point = stroke[i];
      const next = stroke[i + 1] ?? point;
      const to = { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
      context.lineWidth = point.width * size;
      context.beginPath();
      context.moveTo(from.x * size, from.y * size);
      context.quadraticCurveTo(point.x * size, point.y * size, to.x * size, to.y * size);
      context.stroke();
      from = to;
    }
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintSoon);

// ---- Photos --------------------------------------------------------------------------------

function readPhoto(file) {
  strokes.length = 0;
  drawingChanged();
  if (limits && file.size > limits.max_bytes) {
    const size = (limits.max_bytes / 1e6).toFixed(0);
    showProblem(`${file.name || "The picture"} is too large. It must have at most ${size} MB.`);
    return;
  }
  source = "photo";
  $("picture").src = URL.createObjectURL(file);
  $("photo").hidden = false;
  $("sure").textContent = "Reading the picture …";
  ask(() => file);
  if (!matchMedia("(min-width: 52rem)").matches) $("answer").scrollIntoView();
}

function closePhoto() {
  source = null;
  URL.revokeObjectURL($("picture").src);
  $("picture").removeAttribute("src");
  $("photo").hidden = true;
  $("file").value = "";
}

// A picture of one small digit is enlarged.
$("picture").addEventListener("load", () => {
  const { naturalWidth, naturalHeight, style } = $("picture");
  style.width = naturalHeight < 96 ? `${(96 * naturalWidth) / naturalHeight}px` : "";
});
// Most browsers cannot show TIFF files; the reading is then shown without the picture.
$("picture").addEventListener("error", () => ($("photo").hidden = true));
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (file) readPhoto(file);
});
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])][0];
  if (file) readPhoto(file);
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  // On the whole page: if a file is dropped outside the field, a browser would open it instead.
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    const file = kind === "drop" && event.dataTransfer?.files[0];
    if (file) readPhoto(file);
  });
}

// ---- Showing -------------------------------------------------------------------------------

function percent(probability) {
  if (probability > 0.9995) return "> 99.9%";
  const decimals = probability < 0.0995 || probability >= 0.995 ? 1 : 0;
  return `${(100 * probability).toFixed(decimals)}%`;
}

function textOf(readings) {
  let text = "";
  readings.forEach((reading, index) => {
    if (index && reading.line !== readings[index - 1].line) text += "\n";
    text += reading.is_digit ? reading.digit : "?";
  });
  return text;
}

function sentence(readings) {
  if (readings.length === 0) return "There is no ink in the picture.";
  if (readings.length > 1) {
    const doubtful = readings.filter((reading) => !reading.is_digit).length;
    const weakest = Math.min(...readings.map((reading) => reading.probability));
    return doubtful
      ? `${readings.length} signs; ${doubtful} of them ${doubtful === 1 ? "is" : "are"} probably not a digit.`
      : `${readings.length} digits; lowest probability ${percent(weakest)}.`;
  }
  const [reading] = readings;
  if (!reading.is_digit) return `Probably not a digit. The most similar digit is ${reading.digit}.`;
  const second = reading.runner_up_probability >= 0.005
    ? ` Second: ${reading.runner_up}, ${percent(reading.runner_up_probability)}.`
    : "";
  return `Probability ${percent(reading.probability)}.${second}`;
}

function show(result) {
  if (result.error) {
    const problem = result.error.replace(/^image: /, "This file cannot be read: ");
    showProblem(`${problem.replace(/[.?]$/, "")}${problem.endsWith("?") ? "?" : "."}`);
    return;
  }
  $("problem").hidden = true;
  answer = result;
  chosenPart = Math.min(chosenPart, Math.max(0, result.models[chosenModel].readings.length - 1));
  render();
}

function showProblem(text) {
  showNothing();
  $("sure").textContent = "";
  $("problem").textContent = text;
  $("problem").hidden = false;
}

function showNothing() {
  if (source === "photo") closePhoto();
  source = null;
  answer = null;
  chosenPart = 0;
  $("problem").hidden = true;
  render();
}

function render() {
  const readings = answer?.models[chosenModel].readings ?? [];
  const reading = readings[chosenPart];
  const text = $("text");
  text.textContent = readings.length ? textOf(readings) : "–";
  const longest = Math.max(...text.textContent.split("\n").map((line) => line.length));
  text.style.setProperty("--length", longest);
  text.classList.toggle("empty", readings.length === 0);
  text.classList.toggle("several", readings.length > 1);
  text.classList.toggle("many", readings.length > 24);
  $("sure").textContent = answer ? sentence(readings) : "Nothing is drawn yet.";
  renderSeen(reading);
  renderParts(readings);
  renderChart(reading);
  renderModels();
  renderBoxes(readings);
  speakSoon(readings);
}

function paintPixels(canvas, pixels, full) {
  canvas.height = pixels.length;
  canvas.width = pixels[0].length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  pixels.flat().forEach((value, index) => {
    image.data.fill((255 * value) / full, 4 * index, 4 * index + 3);
    image.data[4 * index + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

function renderSeen(reading) {
  const canvas = $("seen");
  canvas.classList.toggle("empty", !reading);
  if (reading) {
    paintPixels(canvas, reading.pixels, models[chosenModel].pixel_max);
    const size = `${canvas.width} by ${canvas.height} pixels`;
    canvas.setAttribute("aria-label", `Input image of the model, ${size}; prediction ${reading.digit}`);
  } else {
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    canvas.setAttribute("aria-label", "No image yet");
  }
}

function renderParts(readings) {
  $("parts-block").hidden = readings.length < 2;
  // Reuse the buttons, so that the focus is not lost.
  const list = $("parts");
  const count = readings.length < 2 ? 0 : readings.length;
  while (list.children.length > count) list.lastElementChild.remove();
  while (list.children.length < count) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const index = list.children.length;
    button.type = "button";
    button.append(document.createElement("canvas"), document.createElement("span"));
    button.addEventListener("click", () => {
      chosenPart = index;
      render();
    });
    item.append(button);
    list.append(item);
  }
  [...list.children].forEach((item, index) => {
    const button = item.firstElementChild;
    const [canvas, label] = button.children;
    const { digit, is_digit: isDigit, pixels, probability } = readings[index];
    paintPixels(canvas, pixels, models[chosenModel].pixel_max);
    label.textContent = isDigit ? digit : "?";
    label.classList.toggle("doubtful", !isDigit);
    button.setAttribute("aria-pressed", index === chosenPart);
    const name = isDigit ? `${digit}, ${percent(probability)}` : "probably not a digit";
    button.setAttribute("aria-label", `Position ${index + 1}: ${name}`);
  });
}

function renderChart(reading) {
  [...$("chart").children].forEach((item, digit) => {
    const probability = reading?.probabilities[digit] ?? 0;
    item.classList.toggle("best", reading?.digit === digit);
    item.querySelector(".fill").style.setProperty("--probability", probability);
    item.querySelector(".percent").textContent = probability >= 0.005 ? percent(probability).replace("> ", "") : "";
    item.querySelector(".spoken").textContent = reading ? `: ${percent(probability)}` : "";
  });
}

function renderModels() {
  const several = answer?.models[chosenModel].readings.length > 1;
  $("models-title").textContent = several ? "Models, for the selected digit" : "Models";
  [...$("models").children].forEach((row, index) => {
    const reading = answer?.models[index].readings[chosenPart];
    row.querySelector(".reads").textContent = reading ? textOf([reading]) : "–";
    row.querySelector(".gauge span").style.width = `${100 * (reading?.probability ?? 0)}%`;
    row.querySelector(".percent").textContent = reading ? percent(reading.probability).replace("> ", "") : "";
  });
}

function renderBoxes(readings) {
  const svg = $("boxes");
  svg.replaceChildren();
  if (source !== "photo" || !answer) return;
  svg.setAttribute("viewBox", `0 0 ${answer.width} ${answer.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  readings.forEach(({ box }, index) => {
    const rectangle = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rectangle.setAttribute("x", box.left);
    rectangle.setAttribute("y", box.top);
    rectangle.setAttribute("width", box.right - box.left);
    rectangle.setAttribute("height", box.bottom - box.top);
    rectangle.classList.toggle("chosen", readings.length > 1 && index === chosenPart);
    svg.append(rectangle);
  });
}

let speaking = 0;

function speakSoon(readings) {
  clearTimeout(speaking);
  if (!answer) {
    $("live").textContent = "";
    return;
  }
  speaking = setTimeout(() => {
    const read = readings.length ? `${models[chosenModel].model} reads ${textOf(readings)}. ` : "";
    $("live").textContent = read + sentence(readings);
  }, SPEAK_AFTER);
}

// ---- Beginning -----------------------------------------------------------------------------

function element(tag, className, ...children) {
  const created = document.createElement(tag);
  created.className = className;
  created.append(...children);
  return created;
}

function buildChart() {
  for (let digit = 0; digit < 10; digit++) {
    const percentage = element("span", "percent");
    percentage.setAttribute("aria-hidden", "true");
    $("chart").append(
      element(
        "li",
        "",
        element("span", "column", percentage, element("span", "fill")),
        element("span", "digit", String(digit), element("span", "spoken visually-hidden")),
      ),
    );
  }
}

function buildModels() {
  models.forEach(({ model, description }, index) => {
    const radio = element("input", "");
    radio.type = "radio";
    radio.name = "model";
    radio.checked = index === chosenModel;
    radio.addEventListener("change", () => {
      chosenModel = index;
      chosenPart = 0;
      render();
    });
    $("models").append(
      element(
        "label",
        "model",
        radio,
        element("span", "name", model, element("span", "kind", description)),
        element("span", "reads", "–"),
        element("span", "gauge", element("span", "")),
        element("span", "percent"),
      ),
    );
  });
}

async function start() {
  buildChart();
  try {
    ({ models, limits } = await (await fetch("models")).json());
  } catch {
    showProblem(NO_SERVER);
    return;
  }
  buildModels();
  render();
  document.documentElement.dataset.ready = "true";
}

start();
