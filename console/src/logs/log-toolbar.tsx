import { ArrowDown, ArrowUp, Clock, Download, Filter, Search, WrapText } from "lucide-react";
import type { KeyboardEvent, RefObject } from "react";
import { Button } from "@/ui/button";
import { Input, Select } from "@/ui/field";
import { Menu, MenuItem } from "@/ui/menu";
import { Toggle } from "@/ui/toggle";
import type { LogFilter } from "./rows";
import type { LogStream } from "./feed";

interface Props {
  searchBox: RefObject<HTMLInputElement | null>;
  search: string;
  onSearch: (search: string) => void;
  hits: number;
  /** Which hit is shown, from 1; 0 before one was jumped to. */
  hit: number;
  onHit: (by: 1 | -1) => void;
  isOnlyHits: boolean;
  onOnlyHits: (isOnly: boolean) => void;
  steps: readonly string[];
  filter: LogFilter;
  onFilter: (filter: LogFilter) => void;
  isWrapped: boolean;
  onWrap: () => void;
  isTimed: boolean;
  onTimes: () => void;
  onSave: (kind: "text" | "jsonl") => void;
}

export function LogToolbar(props: Props) {
  const { searchBox, search, onSearch, hits, hit, onHit, isOnlyHits, onOnlyHits, steps, filter, onFilter } = props;
  const { isWrapped, onWrap, isTimed, onTimes, onSave } = props;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") onHit(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      onSearch("");
      searchBox.current?.blur();
    }
  };
  return (
    <div role="toolbar" aria-label="Log" className="flex flex-wrap items-center gap-1.5 border-b border-line bg-surface px-2 py-1.5">
      <div className="relative min-w-40 flex-1 sm:max-w-80">
        <Search aria-hidden className="pointer-events-none absolute top-1/2 left-2 size-3.5 -translate-y-1/2 text-faint" />
        <Input
          ref={searchBox}
          type="search"
          aria-label="Search the log"
          placeholder="Search"
          value={search}
          onChange={(event) => onSearch(event.target.value)}
          onKeyDown={onKeyDown}
          className="pr-16 pl-7 max-sm:pl-7"
        />
        {search !== "" && (
          <span role="status" className="tabular pointer-events-none absolute top-1/2 right-2 -translate-y-1/2 text-xs text-muted">
            {hits === 0 ? "none" : hit === 0 ? `${hits}` : `${hit} of ${hits}`}
          </span>
        )}
      </div>
      {search !== "" && (
        <span className="flex">
          <Button kind="quiet" size="small" aria-label="Previous hit" title="Previous hit (N)" disabled={hits === 0} onClick={() => onHit(-1)}>
            <ArrowUp aria-hidden />
          </Button>
          <Button kind="quiet" size="small" aria-label="Next hit" title="Next hit (n)" disabled={hits === 0} onClick={() => onHit(1)}>
            <ArrowDown aria-hidden />
          </Button>
          <Toggle isOn={isOnlyHits} onClick={() => onOnlyHits(!isOnlyHits)} title="Hide the other lines">
            <Filter aria-hidden /> <span className="max-sm:sr-only">Only hits</span>
          </Toggle>
        </span>
      )}
      <span className="flex items-center gap-1.5 sm:ml-auto">
        <Select
          aria-label="Step"
          value={filter.step ?? ""}
          onChange={(event) => onFilter({ ...filter, step: event.target.value || undefined })}
          className="w-30! max-sm:w-26! max-sm:text-sm!"
        >
          <option value="">All steps</option>
          {steps.map((step) => (
            <option key={step}>{step}</option>
          ))}
        </Select>
        <Select
          aria-label="Stream"
          value={filter.stream ?? ""}
          onChange={(event) => onFilter({ ...filter, stream: (event.target.value || undefined) as LogStream | undefined })}
          className="w-34! max-sm:w-28! max-sm:text-sm!"
        >
          <option value="">All streams</option>
          <option value="stdout">stdout</option>
          <option value="stderr">stderr</option>
          <option value="system">Pierhead</option>
        </Select>
      </span>
      <span className="flex items-center">
        <Toggle isOn={isWrapped} onClick={onWrap} aria-label="Wrap long lines" title="Wrap long lines (w)">
          <WrapText aria-hidden />
        </Toggle>
        <Toggle isOn={isTimed} onClick={onTimes} aria-label="Show times" title="Show times (t)">
          <Clock aria-hidden />
        </Toggle>
        <Menu
          label="Save the log"
          trigger={
            <Button kind="quiet" size="small" aria-label="Save the log" title="Save the log" className="max-sm:h-9">
              <Download aria-hidden className="size-4!" />
            </Button>
          }
        >
          <MenuItem onSelect={() => onSave("text")}>As text</MenuItem>
          <MenuItem onSelect={() => onSave("jsonl")}>As JSON, an object per line</MenuItem>
        </Menu>
      </span>
    </div>
  );
}
