/** A sentence of the server: what stands between backticks is code. */
export function Prose({ text }: { text: string }) {
  return text.split("`").map((part, index) =>
    index % 2 === 1 ? (
      <code key={index} className="code">
        {part}
      </code>
    ) : (
      part
    ),
  );
}
