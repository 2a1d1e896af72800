/** Keys as they are pressed one after the other, each on a cap of its own. */
export function Keys({ keys }: { keys: string }) {
  return (
    <span className="flex gap-1">
      {keys.split(" ").map((key, index) => (
        <kbd
          key={index}
          className="min-w-5 rounded-sm border border-line bg-sunken px-1 text-center font-sans text-2xs leading-4.5 text-muted"
        >
          {key}
        </kbd>
      ))}
    </span>
  );
}
