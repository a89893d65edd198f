using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>What a blob is.</summary>
internal enum BlobKind
{
    /// <summary>An immutable snapshot.</summary>
    Snapshot,

    /// <summary>A gated list.</summary>
    List,

    /// <summary>A loader and list in one file.</summary>
    Tags,

    /// <summary>The loader.</summary>
    Loader,

    /// <summary>A version of a manifest.</summary>
    History,

    /// <summary>A newest manifest.</summary>
    Current,

    /// <summary>Lines of the change log.</summary>
    Changes,

    /// <summary>Whatever else there is: the file source's reports.</summary>
    Other,
}

/// <summary>Tells what a blob is, by its name.</summary>
internal static class BlobKinds
{
    private static readonly string[] s_kinds = [.. Enum.GetNames<BlobKind>().Select(name => name.ToLowerInvariant())];
    private static readonly string[] s_containers = [.. Enum.GetNames<BlobContainer>().Select(name => name.ToLowerInvariant())];

    /// <summary>What a blob of this name is.</summary>
    public static BlobKind Of(BlobContainer container, string name) => container switch
    {
        BlobContainer.History => BlobKind.History,
        BlobContainer.Private when name.StartsWith(BlobNames.CurrentPrefix, StringComparison.Ordinal) => BlobKind.Current,
        BlobContainer.Private when name.StartsWith(BlobNames.ChangesPrefix, StringComparison.Ordinal) => BlobKind.Changes,
        BlobContainer.Private => BlobKind.Other,
        _ when name == BlobNames.Loader => BlobKind.Loader,
        _ when name.EndsWith("/scripts.json", StringComparison.Ordinal) => BlobKind.List,
        _ when name.EndsWith("/tags.js", StringComparison.Ordinal) => BlobKind.Tags,
        _ => BlobKind.Snapshot,
    };

    /// <summary>A kind as metrics and spans name it.</summary>
    public static string NameOf(BlobKind kind) => s_kinds[(int)kind];

    /// <summary>A container as spans name it.</summary>
    public static string NameOf(BlobContainer container) => s_containers[(int)container];
}
