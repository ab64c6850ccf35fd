/** Text as RE2 that matches exactly it (P42: everything is escaped before it enters a regex). */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
