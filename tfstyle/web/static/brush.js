// A layer to paint on: brush with a soft edge, eraser, undo and redo. What is
// painted is the transparency of a canvas; its color only tells layers apart.

const KEPT = 30;     // Steps that can be undone.
const LONGEST = 1024, SHORTEST = 16;  // Sides, in pixels.

export class Layer {
  constructor(width, height, color) {
    const scale = Math.min(1, Math.max(LONGEST / Math.max(width, height),
      SHORTEST / Math.min(width, height)));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.color = color;
    this.undone = [];
    this.done = [];
  }

  // Remembers the state before a change.
  begin() {
    this.done.push(this.#alpha());
    if (this.done.length > KEPT) this.done.shift();
    this.undone = [];
  }

  undo() { this.#swap(this.done, this.undone); }
  redo() { this.#swap(this.undone, this.done); }

  #swap(from, to) {
    if (!from.length) return;
    to.push(this.#alpha());
    const alpha = from.pop();
    this.#map((data, i) => alpha[i / 4]);
  }

  // Shows the layer in another color.
  recolor(color) {
    this.color = color;
    this.#map((data, i) => data[i + 3]);
  }

  #alpha() {
    return this.#pixels().data.filter((value, i) => i % 4 === 3);
  }

  #pixels() {
    const { width, height } = this.canvas;
    return this.context.getImageData(0, 0, width, height);
  }

  // Paints from one point to another; `size` is a diameter in pixels of the
  // canvas, `soft` the share of the radius over which the edge fades.
  stroke(from, to, { size, soft, erase }) {
    const distance = Math.hypot(to.x - from.x, to.y - from.y);
    const count = Math.max(1, Math.ceil(distance / Math.max(1, size / 8)));
    for (let i = 1; i <= count; i++) {
      const share = i / count;
      this.#dab(from.x + (to.x - from.x) * share,
        from.y + (to.y - from.y) * share, size / 2, soft, erase);
    }
  }

  #dab(x, y, radius, soft, erase) {
    const { context } = this;
    const fill = context.createRadialGradient(x, y, 0, x, y, radius);
    fill.addColorStop(0, this.color);
    fill.addColorStop(Math.max(0, 1 - soft), this.color);
    fill.addColorStop(1, `${this.color}${soft ? "00" : ""}`);
    context.globalCompositeOperation =
      erase ? "destination-out" : "source-over";
    context.fillStyle = fill;
    context.beginPath();
    context.arc(x, y, radius, 0, 7);
    context.fill();
    context.globalCompositeOperation = "source-over";
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  invert() { this.#map((data, i) => 255 - data[i + 3]); }

  get empty() {
    return !this.#alpha().some(Boolean);
  }

  // The gray tones of a picture, or its transparency if it has any.
  async read(source) {
    const image = await createImageBitmap(source).catch(() => {
      throw new Error("This mask cannot be read: choose a PNG or JPEG file.");
    });
    const { width, height } = this.canvas;
    const off = Math.abs(image.width * height - image.height * width);
    if (off > Math.max(image.width + image.height, width + height)) {
      throw new Error(`This mask has ${image.width}x${image.height} pixels: ` +
        "it must have the shape of the photograph.");
    }
    this.clear();
    this.context.drawImage(image, 0, 0, width, height);
    const clear = this.#pixels().data.some((v, i) => i % 4 === 3 && v < 255);
    this.#map((data, i) => clear ? data[i + 3]
      : Math.round((data[i] + data[i + 1] + data[i + 2]) / 3));
  }

  // A PNG file, white where the layer is painted and black elsewhere.
  write() {
    const pixels = this.#pixels(), { data } = pixels;
    for (let i = 0; i < data.length; i += 4) {
      data[i] = data[i + 1] = data[i + 2] = data[i + 3];
      data[i + 3] = 255;
    }
    const copy = document.createElement("canvas");
    copy.width = pixels.width;
    copy.height = pixels.height;
    copy.getContext("2d").putImageData(pixels, 0, 0);
    return new Promise((done) => copy.toBlob(done, "image/png"));
  }

  // Sets the transparency by a function of the pixels and an index.
  #map(alpha) {
    const pixels = this.#pixels(), { data } = pixels;
    const color = [1, 3, 5].map((i) => parseInt(this.color.slice(i, i + 2), 16));
    for (let i = 0; i < data.length; i += 4) {
      data[i + 3] = alpha(data, i);
      [data[i], data[i + 1], data[i + 2]] = color;
    }
    this.context.putImageData(pixels, 0, 0);
  }
}
