import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "@/lib/cn";

export const inputLook = cn(
  "block w-full rounded-md border border-line-strong/70 bg-surface px-2.5 text-sm text-ink max-sm:text-lg",
  "placeholder:text-faint hover:border-line-strong focus:border-accent focus-visible:outline-offset-0",
  "disabled:bg-sunken disabled:text-muted aria-invalid:border-bad",
);

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(inputLook, "h-8 max-sm:h-10", className)} {...rest} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(inputLook, "py-1.5", className)} {...rest} />;
}

/** The browser's own: it works with every keyboard, reader and thumb. */
export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(inputLook, "h-8 pr-1.5 max-sm:h-10", className)} {...rest} />;
}

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  className?: string;
  isLabelHidden?: boolean;
  children: (attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

/** A control with its label, its hint and what is wrong with it. */
export function Field({ label, hint, error, className, isLabelHidden, children }: FieldProps) {
  const id = useId();
  const [hintId, errorId] = [`${id}-hint`, `${id}-error`];
  const described = cn(hint !== undefined && hintId, error !== undefined && errorId);
  return (
    <div className={cn("flex flex-col gap-1", className)}>
      <label htmlFor={id} className={cn("text-sm font-medium", isLabelHidden === true && "sr-only")}>
        {label}
      </label>
      {children({
        id,
        ...(described === "" ? {} : { "aria-describedby": described }),
        ...(error === undefined ? {} : { "aria-invalid": true }),
      })}
      {error !== undefined && (
        <p id={errorId} className="text-xs text-bad">
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p id={hintId} className="text-xs text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
