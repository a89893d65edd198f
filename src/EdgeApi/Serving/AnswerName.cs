using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>Which of a scope's answers is meant: the answer to one of the sixteen consent sets, the gated list, or the tags. A loader is an answer of its own.</summary>
internal readonly record struct AnswerName
{
    /// <summary>How many answers a scope has.</summary>
    public const int Count = ConsentSet.Count + 2;

    private AnswerName(int index) => Index = index;

    /// <summary>The gated list.</summary>
    public static AnswerName List => new(ConsentSet.Count);

    /// <summary>Loader and list in one file.</summary>
    public static AnswerName Tags => new(ConsentSet.Count + 1);

    /// <summary>A loader, which is no scope's.</summary>
    public static AnswerName Loader => new(Count);

    /// <summary>The place among a scope's answers, from 0. Those of the consent sets come first, by their index.</summary>
    public int Index { get; }

    /// <summary>The answer to a consent set.</summary>
    public static AnswerName Of(ConsentSet set) => new(set.Index);
}
