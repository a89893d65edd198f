namespace ConsentSnapshots.Generator.Formats;

/// <summary>A part of a longer text, in bytes.</summary>
internal readonly record struct Slice(int Start, int Length);
