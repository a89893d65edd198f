using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>
/// Inline JavaScript that is constant for a destination type and build, so that a site can pin its hash in a Content-Security-Policy
/// and no setting has a way into source text. What varies travels as JSON in the element's <c>data-config</c> attribute, which the
/// script reads through <c>document.currentScript</c>.
/// </summary>
public sealed class InlineScript
{
    /// <summary>The attribute that carries the configuration.</summary>
    public const string ConfigAttribute = "data-config";

    /// <summary>Takes the whole source text.</summary>
    public InlineScript(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        Text = text;
        Encoded = JsonEncodedText.Encode(text, ScriptJson.Encoder);
        CspHash = HashFor(text);
        CspSource = CspSource.Hash(CspHash);
    }

    /// <summary>The source text.</summary>
    public string Text { get; }

    /// <summary>The source text as it stands in a snapshot's JSON.</summary>
    internal JsonEncodedText Encoded { get; }

    /// <summary>The CSP hash source (<see href="https://www.w3.org/TR/CSP3/#grammardef-hash-source"/>), <c>sha256-…</c> without quotes.</summary>
    public string CspHash { get; }

    /// <summary>The hash as a policy's entry.</summary>
    internal CspSource CspSource { get; }

    /// <summary>The CSP hash source of a source text.</summary>
    public static string HashFor(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";
}
