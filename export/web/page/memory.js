// What a person taught the page, kept in this browser: images of 256 levels, and their classes.

const LEVELS = 255;

/** The kept examples {x, label} of a model, by its name, its inputs' number and its classes. */
export function memory(card) {
  const key = `taught ${card.name} ${card.num_features} ${card.class_names.join("|")}`;
  return {
    read() {
      try {
        const found = JSON.parse(localStorage.getItem(key)) ?? [];
        return found.map(({ x, label }) => ({ x: x.map((level) => level / LEVELS), label }));
      } catch {
        return []; // a browser that keeps nothing, or what was kept is damaged
      }
    },
    /** Whether they could be kept. */
    write(examples) {
      const levels = examples.map(({ x, label }) => ({ x: x.map((v) => Math.round(LEVELS * v)), label }));
      try {
        if (examples.length) localStorage.setItem(key, JSON.stringify(levels));
        else localStorage.removeItem(key);
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** An image as it comes back. */
export const rounded = (x) => Array.from(x, (value) => Math.round(LEVELS * value) / LEVELS);
