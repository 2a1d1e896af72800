/** Colours of the theme for what knows no CSS variables: canvases, and libraries that draw by themselves. */

let canvas: CanvasRenderingContext2D | null = null;

/** What a variable such as `--accent` is at this place now, as `#rrggbb`. */
export function colourAt(place: Element, name: string): string {
  canvas ??= drawing();
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  if (canvas === null) return "#808080";
  // Drawn, since computed colours are in whatever space they were written in.
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = canvas.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function drawing(): CanvasRenderingContext2D | null {
  const element = document.createElement("canvas");
  [element.width, element.height] = [1, 1];
  return element.getContext("2d", { willReadFrequently: true });
}

/** Hears when the theme changes, by choice or with the system. */
export function onThemeChange(listener: () => void): () => void {
  const chosen = new MutationObserver(listener);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", listener);
  return () => {
    chosen.disconnect();
    system.removeEventListener("change", listener);
  };
}
