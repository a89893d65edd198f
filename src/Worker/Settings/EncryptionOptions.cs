

namespace ConsentSnapshots.Worker.Settings;

/// <summary>The keys of encrypted settings, section <c>Encryption</c>.</summary>
public sealed class EncryptionOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Encryption";

    /// <summary>The length of a key in bytes.</summary>
    public const int KeyLength = 32;

    /// <summary>
    /// AES-256 keys as 64 hexadecimal digits each. The first is current and encrypts; every one decrypts. To rotate, put the new key
    /// first and drop the old one once no row needs it. Secrets.
    /// </summary>
    public IList<string> Keys { get; } = [];

    /// <summary>Every rule that is broken: key, rule, actual shape (never the value).</summary>
    public IEnumerable<string> Problems()
    {
        for (var index = 0; index < Keys.Count; index++)
        {
            var key = Keys[index] ?? "";
            if (key.Length != KeyLength * 2 || !key.All(char.IsAsciiHexDigit))
            {
                yield return $"Encryption:Keys:{index} must be {KeyLength * 2} hexadecimal digits; it has {key.Length} characters"
                    + (key.All(char.IsAsciiHexDigit) ? "." : ", not all of them hexadecimal digits.");
            }
        }
    }
}
