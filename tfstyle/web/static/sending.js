// Masks on their way to the program: one after another, and again after a
// failure.

export class Sending {
  // `send` takes a region and tells whether the program has its mask.
  constructor(send) {
    this.send = send;
    this.unsent = new Set();
    this.last = Promise.resolve();
  }

  // Sends what is unsent; tells whether the program has it.
  all() {
    this.last = this.last.then(async () => {
      for (const region of [...this.unsent]) {
        this.unsent.delete(region);
        if (await this.send(region)) continue;
        this.unsent.add(region);
        return false;
      }
      return true;
    });
    return this.last;
  }
}
