import { useEffect, useRef } from "react";
import { Button } from "./button";

interface Pages {
  hasNextPage: boolean;
  isFetching: boolean;
  dataUpdatedAt: number;
  isFetchingNextPage: boolean;
  isFetchNextPageError: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** Reads the next page shortly before one gets there; a button for those who cannot scroll, and after a failure. */
export function LoadMore({ query }: { query: Pages }) {
  const { hasNextPage, isFetching, dataUpdatedAt, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  const mark = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = mark.current;
    // While the list is read again there is no next page to ask for; and what cut the asking short is behind us afterwards.
    if (element === null || !hasNextPage || isFetching || isFetchNextPageError) return;
    // Several changes may be told at once: the last one holds.
    const observer = new IntersectionObserver((entries) => entries.at(-1)?.isIntersecting === true && void fetchNextPage(), {
      rootMargin: "600px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [hasNextPage, isFetching, dataUpdatedAt, isFetchNextPageError, fetchNextPage]);
  if (!hasNextPage) return null;
  return (
    <div ref={mark} className="flex justify-center pb-4">
      <Button isBusy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
        {isFetchNextPageError ? "Try again" : "Show more"}
      </Button>
    </div>
  );
}
