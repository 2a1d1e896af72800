/** The head of a pier with its light. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden className={className}>
      <rect width="32" height="32" rx="8" className="fill-accent-solid" />
      <g className="fill-on-accent">
        <rect x="6" y="13" width="20" height="3.4" rx="1.2" />
        <rect x="8" y="16" width="3" height="10" rx="1.2" />
        <rect x="14.5" y="16" width="3" height="7.6" rx="1.2" />
        <rect x="21" y="16" width="3" height="5.2" rx="1.2" />
        <circle cx="9.5" cy="8.2" r="2.6" />
      </g>
    </svg>
  );
}
