/**
 * The document as the terminal's library may use it under our content security policy.
 *
 * The policy allows no `<style>` elements and no `style` attributes that come as text; the library writes both. It takes another
 * document to make its elements with (its option `documentOverride`), and this one makes them so that what is written goes
 * through the CSSOM instead, which every policy allows: style sheets are adopted by the page, and attributes are set as properties.
 */
export function styledDocument(): Document {
  return new Proxy(document, {
    get(target, key) {
      if (key === "createElement") return (name: string) => (name === "style" ? styleElement() : styledElement(name));
      const value: unknown = Reflect.get(target, key, target);
      // The browser's own functions know only the browser's own document.
      return typeof value === "function" ? (value as (...words: unknown[]) => unknown).bind(target) : value;
    },
  });
}

/** Stands where a `<style>` would, and holds a sheet of the page. */
function styleElement(): HTMLElement {
  const element = document.createElement("span");
  const sheet = new CSSStyleSheet();
  element.hidden = true;
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((it) => it !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}

function styledElement(name: string): HTMLElement {
  const element = document.createElement(name);
  element.setAttribute = setAttribute;
  return element;
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}
