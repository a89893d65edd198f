namespace ConsentSnapshots.Generator.Scripts;

/// <summary>A part of a longer text, in bytes.</summary>
internal readonly record struct Slice(int Start, int Length)
{
    /// <summary>All but the first byte.</summary>
    public Slice WithoutFirstByte => new(Start + 1, Length - 1);
}
