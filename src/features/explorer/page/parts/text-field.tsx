/** A field for one line of text, without a spelling check. */
export function TextField({
  label,
  placeholder,
  value,
  onType,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onType: (value: string) => void;
}) {
  return (
    <label>
      <span>{label}</span>
      <input
        type="text"
        placeholder={placeholder}
        spellcheck={false}
        value={value}
        onInput={({ currentTarget }) => onType(currentTarget.value)}
      />
    </label>
  );
}
