using ConsentSnapshots.Storage;

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

    /// <summary>Reads the section and reports every rule that is broken to the reader.</summary>
    public static EncryptionOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = new EncryptionOptions();
        foreach (var key in settings.Secrets("Encryption:Keys", $"{KeyLength * 2} hexadecimal digits", Problem)) options.Keys.Add(key);
        settings.RefuseUnknown(Section);
        return options;
    }

    private static string? Problem(string key)
    {
        var isHexadecimal = key.All(char.IsAsciiHexDigit);
        return key.Length == KeyLength * 2 && isHexadecimal ? null
            : $"must be {KeyLength * 2} hexadecimal digits; it has {key.Length} characters{(isHexadecimal ? "." : ", not all of them hexadecimal digits.")}";
    }
}
