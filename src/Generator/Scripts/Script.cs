using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>
/// One entry of the c15t client's <c>Script</c> shape, callbacks excepted
/// (<see href="https://c15t.com/docs/frameworks/javascript/script-loader"/>). Exactly one of <see cref="Source"/>,
/// <see cref="Inline"/>, <see cref="InlineText"/> is set.
/// </summary>
public sealed record Script
{
    /// <summary>Unique within a snapshot, and the same content in every snapshot of a manifest that has it.</summary>
    public required string Id { get; init; }

    /// <summary>When it may run. The script is in exactly the snapshots of the consent sets that meet this, and the client checks again.</summary>
    public required ConsentCondition Category { get; init; }

    /// <summary>The slug of the vendor behind it, as the list's <c>vendors</c> have it; null for the runtime, a shared part and a custom script.</summary>
    public string? Vendor { get; init; }

    /// <summary>The URL of an external script: absolute and https, or a path of the site.</summary>
    public PageUrl? Source { get; init; }

    /// <summary>A constant inline script of a destination type.</summary>
    public InlineScript? Inline { get; init; }

    /// <summary>Inline text that an organization wrote itself (the <c>script</c> type only).</summary>
    public string? InlineText { get; init; }

    /// <summary>The element's <c>async</c>; null leaves the browser's default for inserted scripts.</summary>
    public bool? Async { get; init; }

    /// <summary>The element's <c>defer</c>.</summary>
    public bool Defer { get; init; }

    /// <summary>The element's <c>fetchpriority</c>: <c>high</c>, <c>low</c> or <c>auto</c>.</summary>
    public string? FetchPriority { get; init; }

    /// <summary>Further attributes in the order they are set.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Attributes { get; init; } = [];

    /// <summary>What an inline script reads from <c>data-config</c>: JSON text.</summary>
    public string? Config { get; init; }

    /// <summary>Where the element goes: <c>body</c>, or null for the client's default, the head.</summary>
    public string? Target { get; init; }

    /// <summary>
    /// Whether the client leaves the element in place on withdrawal, so that a new grant does not load the vendor twice. It finds
    /// the element again by its id, and gives every id a new random element id with each <c>setScripts</c>, unless
    /// <c>anonymizeId</c> is false: so that is written with it.
    /// </summary>
    public bool PersistAfterConsentRevoked { get; init; }

    /// <summary>The library that the runtime inserts on this script's behalf; its URL stands in <see cref="Config"/>. Never written.</summary>
    internal PageUrl? Library { get; init; }

    /// <summary>
    /// Scripts of several destinations with the same key become one, which may run wherever any of them may: a loader that must not
    /// be on a page twice. Never written.
    /// </summary>
    internal string? SharedKey { get; init; }

    /// <summary>
    /// What a Content-Security-Policy needs for this element to run: the source's origin, or the text's hash. An entry that is among
    /// <paramref name="known"/> already is used again, which saves making it.
    /// </summary>
    internal CspSource? PolicySource(ImmutableArray<CspSource> known)
    {
        if (Inline is not null) return Inline.CspSource;
        return Source is null ? CspSource.Hash(InlineScript.HashFor(InlineText!)) : OriginOf(Source, known);
    }

    /// <summary>What a Content-Security-Policy needs for the library that the runtime inserts; null where there is none or its host has no name in a policy.</summary>
    internal CspSource? LibraryPolicySource(ImmutableArray<CspSource> known) => Library is null ? null : OriginOf(Library, known);

    private static CspSource? OriginOf(PageUrl source, ImmutableArray<CspSource> known)
    {
        if (source.IsPath) return CspSource.Self(CspDirective.Script);
        var url = source.Text;
        foreach (var entry in known)
        {
            if (entry.Directive != CspDirective.Script) break;
            if (entry.IsOriginOf(url)) return entry;
        }
        return source.SourceFor(CspDirective.Script);
    }

    /// <summary>Writes the script as the client reads it. The order of keys is part of the format.</summary>
    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("id", Id);
        writer.WritePropertyName("category");
        Category.WriteTo(writer);
        if (Vendor is not null) writer.WriteString("vendor", Vendor);
        if (Source is not null) writer.WriteString("src", Source.Text);
        else if (Inline is not null) writer.WriteString("textContent", Inline.Encoded);
        else writer.WriteString("textContent", InlineText ?? throw new InvalidOperationException($"Script {Id} has neither source nor text."));
        if (Async is { } isAsync) writer.WriteBoolean("async", isAsync);
        if (Defer) writer.WriteBoolean("defer", true);
        if (FetchPriority is not null) writer.WriteString("fetchPriority", FetchPriority);
        if (!Attributes.IsEmpty || Config is not null)
        {
            writer.WriteStartObject("attributes");
            if (Config is not null) writer.WriteString(InlineScript.ConfigAttribute, Config);
            foreach (var (name, value) in Attributes) writer.WriteString(name, value);
            writer.WriteEndObject();
        }
        if (Target is not null) writer.WriteString("target", Target);
        if (PersistAfterConsentRevoked)
        {
            writer.WriteBoolean("persistAfterConsentRevoked", true);
            writer.WriteBoolean("anonymizeId", false);
        }
        writer.WriteEndObject();
    }
}
