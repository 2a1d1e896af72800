import { type ComponentProps, type ReactNode, useEffect, useRef } from "react";
import { cn } from "@/lib/cn";

export interface Marker {
  /** Counted from 1. */
  line: number;
  message: string;
  isError: boolean;
}

interface Props extends Pick<ComponentProps<"textarea">, "id" | "aria-describedby" | "aria-invalid"> {
  value: string;
  onChange?: (value: string) => void;
  markers?: readonly Marker[];
  label: string;
  /** The line to bring into view; an object, so that the same line can be asked for again. */
  shown?: { line: number } | undefined;
  onLine?: (line: number) => void;
  className?: string;
}

/**
 * A text area with numbers and colours. The browser's own field does the editing, so every keyboard, reader and thumb works;
 * the coloured text lies behind it.
 */
export function YamlEditor({ value, onChange, markers = [], label, shown, onLine, className, ...rest }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const behind = useRef<HTMLDivElement>(null);
  const numbers = useRef<HTMLDivElement>(null);
  const lines = value.split("\n");
  const follow = () => {
    const { scrollTop = 0, scrollLeft = 0 } = field.current ?? {};
    if (behind.current !== null) behind.current.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    if (numbers.current !== null) numbers.current.style.transform = `translateY(${-scrollTop}px)`;
  };
  useEffect(() => {
    const element = field.current;
    if (element === null || shown === undefined) return;
    const height = element.scrollHeight / Math.max(1, element.value.split("\n").length);
    element.scrollTop = Math.max(0, height * (shown.line - 4));
    const from = element.value.split("\n").slice(0, shown.line - 1).join("\n").length + (shown.line > 1 ? 1 : 0);
    element.setSelectionRange(from, from);
  }, [shown]);
  const tellLine = () => {
    const element = field.current;
    if (element !== null) onLine?.(element.value.slice(0, element.selectionStart).split("\n").length);
  };
  return (
    <div className={cn("code relative flex min-h-0 overflow-hidden bg-sunken text-xs leading-5", className)}>
      <div aria-hidden className="w-10 shrink-0 overflow-hidden border-r border-line bg-surface text-right text-faint select-none">
        <div ref={numbers} className="py-2">
          {lines.map((_, index) => {
            const marker = markers.find(({ line }) => line === index + 1);
            return (
              <div key={index} title={marker?.message} className={cn("h-5 pr-2", marker !== undefined && (marker.isError ? "bg-bad-wash font-semibold text-bad" : "bg-warn-wash font-semibold text-warn"))}>
                {index + 1}
              </div>
            );
          })}
        </div>
      </div>
      <div className="relative min-w-0 flex-1 overflow-hidden">
        <div aria-hidden ref={behind} className="pointer-events-none absolute top-0 left-0 px-3 py-2 whitespace-pre">
          {lines.map((line, index) => {
            const marker = markers.find((it) => it.line === index + 1);
            return (
              <div key={index} className={cn("h-5", marker !== undefined && "underline decoration-wavy underline-offset-3", marker?.isError === true && "decoration-bad", marker?.isError === false && "decoration-warn")}>
                <Coloured line={line} />
              </div>
            );
          })}
        </div>
        <textarea
          {...rest}
          ref={field}
          aria-label={label}
          value={value}
          readOnly={onChange === undefined}
          onChange={({ target }) => onChange?.(target.value)}
          onScroll={follow}
          onKeyUp={tellLine}
          onClick={tellLine}
          onKeyDown={(event) => {
            if (event.key === "Enter" && onChange !== undefined && !event.nativeEvent.isComposing && !event.ctrlKey && !event.metaKey) indent(event);
          }}
          wrap="off"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          className="absolute inset-0 size-full resize-none overflow-auto bg-transparent px-3 py-2 whitespace-pre text-transparent caret-(--ink) outline-none selection:text-transparent focus-visible:ring-2 focus-visible:ring-accent focus-visible:ring-inset"
        />
      </div>
    </div>
  );
}

/** A new line begins where the one above began, two further in after a colon. */
function indent(event: React.KeyboardEvent<HTMLTextAreaElement>): void {
  const { value, selectionStart } = event.currentTarget;
  const line = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
  const depth = /^ */.exec(line)?.[0].length ?? 0;
  const deeper = /:\s*$/.test(line) ? 2 : 0;
  if (depth + deeper === 0) return;
  event.preventDefault();
  // Nothing else keeps the browser's own undo.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  document.execCommand("insertText", false, `\n${" ".repeat(depth + deeper)}`);
}

const LINE = /^(\s*(?:- )*)([\w.-]+|"[^"]*")(:)(?=\s|$)(.*)$/;

function Coloured({ line }: { line: string }): ReactNode {
  const comment = /(^|\s)#.*$/.exec(line);
  const code = comment === null ? line : line.slice(0, comment.index);
  const [, lead, key, colon, value] = LINE.exec(code) ?? [];
  return (
    <>
      {key === undefined ? (
        <Value text={code} />
      ) : (
        <>
          {lead}
          <span className="text-accent">{key}</span>
          {colon}
          <Value text={value ?? ""} />
        </>
      )}
      {comment !== null && <span className="text-faint italic">{line.slice(comment.index)}</span>}
    </>
  );
}

/** References stand out: they are what binds steps together. */
function Value({ text }: { text: string }): ReactNode {
  return text.split(/(\$\{\{[^}]*\}\})/).map((part, index) => (
    <span key={index} className={index % 2 === 1 ? "text-rise" : "text-ink"}>
      {part}
    </span>
  ));
}
