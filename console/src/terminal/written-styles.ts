/**
 * Styles that the terminal's library would write as text, which our content security policy forbids: here they go through the CSSOM,
 * which every policy allows. The build puts these calls in the places of the library's own (`vite.config.ts`).
 */

/** Stands where a `<style>` would, and holds a sheet of the page. */
export function styleElement(): HTMLElement {
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

/** As the attribute `style` would. */
export function setStyle(element: HTMLElement, text: string): void {
  element.style.cssText = text;
}
