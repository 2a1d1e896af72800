import type { Deployment } from "@/api/queries";
import { Field, Select } from "@/ui/field";

interface Props {
  deployment: Deployment;
  /** Of the node that leads it: `undefined`. */
  node: string | undefined;
  onNode: (node: string | undefined) => void;
}

/** Replicas on several nodes write a log on each of them. Nothing where there is one. */
export function NodeField({ deployment: { node: leading, shares }, node, onNode }: Props) {
  if (shares.length === 0) return null;
  return (
    <Field label="What it says on the node" className="max-w-60">
      {(attributes) => (
        <Select {...attributes} value={node ?? ""} onChange={({ target }) => onNode(target.value || undefined)}>
          <option value="">{leading === null ? "that leads it" : `${leading}, which leads it`}</option>
          {shares.map((share) => (
            <option key={share.node} value={share.node}>
              {share.node}
              {share.offline && ", offline"}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
