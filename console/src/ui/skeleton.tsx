import { cn } from "@/lib/cn";

/** Holds the place of what is on its way; the place is taken at once, the grey comes after 150 ms. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden data-skeleton className={cn("block animate-late rounded-sm bg-hover", className)} />;
}

/** Rows of the height that the real ones will have. */
export function SkeletonRows({ count, className }: { count: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading">
      {Array.from({ length: count }, (_, row) => (
        <div key={row} className={cn("flex items-center gap-4 border-b border-line px-4 last:border-b-0", className ?? "h-14")}>
          <Skeleton className="h-5 w-24 rounded-full" />
          <Skeleton className={cn("h-3.5", ["w-2/5", "w-1/3", "w-1/2"][row % 3])} />
          <Skeleton className="ml-auto h-3.5 w-16 max-sm:hidden" />
        </div>
      ))}
    </div>
  );
}
