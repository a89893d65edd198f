using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Settings;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Modes;
using Org.BouncyCastle.Crypto.Parameters;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>
/// Opens and makes the encrypted envelope of a destination's settings: <c>{"encrypted": hex, "iv": hex, "tag": hex}</c>, optionally with
/// <c>keyId</c>; AES-256-GCM, additional data <c>destinations-settings</c>, plaintext the settings object's JSON.
/// </summary>
public sealed class SettingsKeyRing
{
    private const int TagLength = 16;
    private const int IvLength = 12;
    private const int NodeIvLength = 16; // rows written by Node's crypto with randomBytes(16)
    private static readonly byte[] AdditionalData = Encoding.UTF8.GetBytes("destinations-settings");

    private readonly ImmutableArray<(string Id, byte[] Bytes)> _keys;

    /// <summary>A ring of the options' keys, which are valid.</summary>
    public SettingsKeyRing(EncryptionOptions options) =>
        _keys = [.. options.Keys.Select(Convert.FromHexString).Select(bytes => (IdOf(bytes), bytes))];

    /// <summary>Whether there is a key to encrypt with.</summary>
    public bool HasKeys => !_keys.IsEmpty;

    /// <summary>
    /// What names a key in an envelope: the first 8 hexadecimal digits of its SHA-256. It says which key was used and nothing about it.
    /// </summary>
    private static string IdOf(byte[] key) => Convert.ToHexStringLower(SHA256.HashData(key))[..8];

    /// <summary>
    /// Brings a row's settings into the clear. The shape decides: an object with any part of an envelope is one, whatever
    /// <c>settings_encrypted</c> says; anything else is plain.
    /// </summary>
    public OpenedDestination Open(Destination row)
    {
        // What is switched off is never generated, so its secrets stay shut.
        if (!row.Enabled || row.Deleted || !IsEnvelope(row.Settings)) return new OpenedDestination(row, row.Settings);
        if (!TryReadEnvelope(row.Settings, out var envelope))
        {
            return Failed(row, DestinationProblemKind.DamagedEnvelope,
                "The encrypted settings are damaged: encrypted, iv (12 or 16 bytes) and tag (16 bytes) must be hexadecimal strings. Save the destination again.");
        }
        var named = _keys.Where(key => key.Id == envelope.KeyId).ToImmutableArray();
        foreach (var (_, key) in named.IsEmpty ? _keys : named)
        {
            if (Decrypt(key, envelope) is not { } plaintext) continue;
            try
            {
                return SettingsJson.Parse(plaintext, out var problem) is { } settings
                    ? new OpenedDestination(row, settings)
                    : Failed(row, DestinationProblemKind.InvalidSettings, problem!);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(plaintext);
            }
        }
        if (!named.IsEmpty)
        {
            return Failed(row, DestinationProblemKind.DamagedEnvelope,
                $"The encrypted settings are damaged: key {envelope.KeyId} is there and does not open them. Save the destination again.");
        }
        return Failed(row, DestinationProblemKind.NoKey, _keys.IsEmpty
            ? "The settings are encrypted and no key is configured. Set Encryption:Keys."
            : $"None of the {_keys.Length} configured keys opens the settings. Add the key they were encrypted with to Encryption:Keys.");
    }

    /// <summary>Whether a row's settings are an envelope, whole or not.</summary>
    internal static bool IsSealed(Destination row) => IsEnvelope(row.Settings);

    /// <summary>Encrypts a settings object with the current key into an envelope.</summary>
    /// <exception cref="InvalidOperationException">There is no key.</exception>
    public JsonObject Seal(JsonElement settings)
    {
        if (_keys.IsEmpty) throw new InvalidOperationException("No key is configured. Set Encryption:Keys:0 to 64 hexadecimal digits.");
        var plaintext = Encoding.UTF8.GetBytes(settings.GetRawText());
        var iv = RandomNumberGenerator.GetBytes(IvLength);
        var encrypted = new byte[plaintext.Length];
        var tag = new byte[TagLength];
        using var aes = new AesGcm(_keys[0].Bytes, TagLength);
        aes.Encrypt(iv, plaintext, encrypted, tag, AdditionalData);
        return new JsonObject
        {
            ["encrypted"] = Convert.ToHexStringLower(encrypted),
            ["iv"] = Convert.ToHexStringLower(iv),
            ["tag"] = Convert.ToHexStringLower(tag),
            ["keyId"] = _keys[0].Id,
        };
    }

    private static OpenedDestination Failed(Destination row, DestinationProblemKind kind, string message) =>
        new(row, default, new DestinationProblem(row.Id, row.Type, row.Name, kind, null, message));

    private sealed record Envelope(byte[] Encrypted, byte[] Iv, byte[] Tag, string? KeyId);

    private static bool IsEnvelope(JsonElement settings) =>
        settings.ValueKind == JsonValueKind.Object
        && (TryGet(settings, "encrypted", out _) || (TryGet(settings, "iv", out _) && TryGet(settings, "tag", out _)));

    private static bool TryGet(JsonElement settings, string name, out JsonElement value)
    {
        try
        {
            return settings.TryGetProperty(name, out value);
        }
        catch (InvalidOperationException)
        {
            // A key beside it is no valid Unicode. Nothing that was sealed here has such a key; the generator names the fault.
            value = default;
            return false;
        }
    }

    private static bool TryReadEnvelope(JsonElement settings, out Envelope envelope)
    {
        envelope = null!;
        if (!TryHex(settings, "encrypted", out var encrypted) || !TryHex(settings, "iv", out var iv) || !TryHex(settings, "tag", out var tag)) return false;
        if (iv.Length is not (IvLength or NodeIvLength) || tag.Length != TagLength) return false;
        // A name that is no text names no key, so every key is tried.
        envelope = new Envelope(encrypted, iv, tag, TryText(settings, "keyId", out var keyId) ? keyId : null);
        return true;
    }

    private static bool TryHex(JsonElement settings, string name, out byte[] bytes)
    {
        bytes = [];
        try
        {
            if (!TryText(settings, name, out var text)) return false;
            bytes = Convert.FromHexString(text);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static bool TryText(JsonElement settings, string name, out string text)
    {
        text = "";
        if (!TryGet(settings, name, out var value) || value.ValueKind != JsonValueKind.String) return false;
        try
        {
            text = value.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            // A surrogate that stands alone.
            return false;
        }
    }

    private static byte[]? Decrypt(byte[] key, Envelope envelope)
    {
        var plaintext = new byte[envelope.Encrypted.Length];
        if (envelope.Iv.Length == IvLength)
        {
            using var aes = new AesGcm(key, TagLength);
            try
            {
                aes.Decrypt(envelope.Iv, envelope.Encrypted, envelope.Tag, plaintext, AdditionalData);
                return plaintext;
            }
            catch (AuthenticationTagMismatchException)
            {
                return null;
            }
        }
        // AesGcm takes 12-byte IVs only; a longer one is hashed into the counter block (NIST SP 800-38D, 7.1), which BouncyCastle does.
        var cipher = new GcmBlockCipher(new AesEngine());
        cipher.Init(forEncryption: false, new AeadParameters(new KeyParameter(key), TagLength * 8, envelope.Iv, AdditionalData));
        try
        {
            var produced = cipher.ProcessBytes(envelope.Encrypted, 0, envelope.Encrypted.Length, plaintext, 0);
            produced += cipher.ProcessBytes(envelope.Tag, 0, envelope.Tag.Length, plaintext, produced);
            cipher.DoFinal(plaintext, produced);
            return plaintext;
        }
        catch (InvalidCipherTextException)
        {
            return null;
        }
    }
}
