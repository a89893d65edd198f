using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Reads typed settings and collects what is wrong with them. The configuration binder stops at the first value it cannot convert;
/// an operator wants to hear about all of them at once.
/// </summary>
public sealed class SettingReader(IConfiguration configuration)
{
    private readonly List<string> _problems = [];
    private readonly OrderedDictionary<string, KnownSetting> _known = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>What is wrong so far: key, rule and actual value, never a secret.</summary>
    public ImmutableArray<string> Problems => [.. _problems];

    /// <summary>Every setting that was asked for, in the order of the questions: what it may be, and what it is.</summary>
    public ImmutableArray<KnownSetting> Settings => [.. _known.Values];

    /// <summary>Adds what is wrong with OpenTelemetry's own variables, which its exporter would refuse later or pass over.</summary>
    public void CheckTelemetry()
    {
        foreach (var problem in TelemetryExport.FindProblems(configuration)) Fail(problem);
    }

    /// <summary>Adds a problem.</summary>
    public void Fail(string problem) => _problems.Add(problem);

    /// <summary>A setting's text, trimmed; null where it is not set or blank.</summary>
    /// <param name="key">The setting.</param>
    /// <param name="form">What it must be, for whoever looks it up.</param>
    public string? Text(string key, string form = "text") => Read(key, form, fallback: null, isSecret: false);

    /// <summary>A setting's text, trimmed, or its value where it is not set or blank.</summary>
    /// <param name="key">The setting.</param>
    /// <param name="form">What it must be, for whoever looks it up.</param>
    /// <param name="fallback">Its value where it is not set.</param>
    public string Text(string key, string form, string fallback) => Read(key, form, fallback, isSecret: false) ?? fallback;

    /// <summary>The same for a secret, which is never shown.</summary>
    public string? Secret(string key, string form) => Read(key, form, fallback: null, isSecret: true);

    /// <summary>
    /// Texts separated by commas, without the blanks around them; null where the setting is not there. One that is there and names nothing is a problem: what limits
    /// something must not be lifted by an empty variable.
    /// </summary>
    /// <param name="key">The setting.</param>
    /// <param name="what">What it names, for the message.</param>
    public ImmutableArray<string>? List(string key, string what)
    {
        var text = Text(key, $"{what}s, separated by commas");
        if (configuration[key] is null) return null;
        ImmutableArray<string> items = [.. (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
        if (items.IsEmpty) Fail($"{key} is set and names no {what}: name at least one, or leave the setting out.");
        return items;
    }

    /// <summary>A text of a form that only this setting has.</summary>
    /// <param name="key">The setting.</param>
    /// <param name="fallback">Its value where it is not set.</param>
    /// <param name="isValid">Whether a text has the form.</param>
    /// <param name="form">The form, for the message: what the setting must be.</param>
    public string Text(string key, string fallback, Func<string, bool> isValid, string form)
    {
        if (Read(key, form, fallback, isSecret: false) is not { } text) return fallback;
        if (isValid(text)) return text;
        Fail($"{key} must be {form}; it is {Redaction.ShowAddress(text)}.");
        return fallback;
    }

    /// <summary>Several texts, each in a setting of its own that is numbered from 0: <c>Encryption:Keys:0</c>. They are secrets, so no message repeats one.</summary>
    /// <param name="key">The setting without the number.</param>
    /// <param name="form">What each of them must be, for whoever looks it up.</param>
    /// <param name="rule">What is wrong with one of them, as the message after its name; null where nothing is.</param>
    public ImmutableArray<string> Secrets(string key, string form, Func<string, string?> rule)
    {
        var items = Items(key, form, isSecret: true);
        foreach (var (path, text) in items)
            if (rule(text) is { } problem) Fail($"{Redaction.Printable(path)} {problem}");
        return [.. items.Select(item => item.Text)];
    }

    /// <summary>Several http or https addresses, each in a setting of its own that is numbered from 0: <c>Edges:0</c>.</summary>
    /// <param name="key">The setting without the number.</param>
    public ImmutableArray<Uri> HttpAddresses(string key)
    {
        var addresses = ImmutableArray.CreateBuilder<Uri>();
        foreach (var (path, _) in Items(key, "an http or https address", isSecret: false))
        {
            if (HttpAddress(path) is { } address) addresses.Add(address);
        }
        return addresses.ToImmutable();
    }

    private List<(string Path, string Text)> Items(string key, string form, bool isSecret)
    {
        _known.TryAdd(key, new KnownSetting(key, $"a list: {key}:0, {key}:1, …, each {form}", null, null, null, isSecret));
        if (!string.IsNullOrEmpty(configuration[key])) Fail($"{key} is a list: set {key}:0 ({_known[key].Variable}__0) for the first, {key}:1 for the next.");
        var items = new List<(string Path, string Text)>();
        string? origin = null;
        foreach (var child in configuration.GetSection(key).GetChildren())
        {
            Read(child.Path, form, fallback: null, isSecret);
            origin ??= _known[child.Path].Origin;
            items.Add((child.Path, child.Value ?? ""));
        }
        if (items.Count > 0) _known[key] = _known[key] with { Value = $"{items.Count} set", Origin = origin, IsSecret = false };
        return items;
    }

    /// <summary>A duration within limits.</summary>
    public TimeSpan Duration(string key, TimeSpan fallback, TimeSpan least, TimeSpan most)
    {
        if (Read(key, $"a duration (hh:mm:ss.fff) from {Show(least)} to {Show(most)}", Show(fallback), isSecret: false) is not { } text) return fallback;
        if (TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most) return value;
        Fail($"{key} must be a duration (hh:mm:ss.fff) from {Show(least)} to {Show(most)}; it is {Redaction.Show(text)}.");
        return fallback;
    }

    /// <summary>A whole number within limits.</summary>
    public long Number(string key, long fallback, long least, long most)
    {
        var form = string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}");
        if (Read(key, form, fallback.ToString(CultureInfo.InvariantCulture), isSecret: false) is not { } text) return fallback;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most) return value;
        Fail($"{key} must be {form}; it is {Redaction.Show(text)}.");
        return fallback;
    }

    /// <summary>One of some names, in any case.</summary>
    public T OneOf<T>(string key, T fallback, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        var names = new List<string>();
        string? usual = null;
        foreach (var (name, value) in choices)
        {
            names.Add(name);
            if (EqualityComparer<T>.Default.Equals(value, fallback)) usual = name;
        }
        var form = string.Join(" or ", names);
        if (Read(key, form, usual, isSecret: false) is not { } text) return fallback;
        foreach (var (name, value) in choices)
            if (string.Equals(name, text, StringComparison.OrdinalIgnoreCase)) return value;
        Fail($"{key} must be {form}; it is {Redaction.Show(text)}.");
        return fallback;
    }

    /// <summary>An http or https address without query, fragment or user information.</summary>
    public Uri? HttpAddress(string key)
    {
        if (Text(key, "an http or https address") is not { } text) return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"
            && uri.Query.Length == 0 && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0) return uri;
        Fail($"{key} must be an absolute http or https address without query, fragment or user information; it is {Redaction.ShowAddress(text)}.");
        return null;
    }

    /// <summary>A duration without zeros at the end of its seconds.</summary>
    private static string Show(TimeSpan duration) => duration.Ticks % TimeSpan.TicksPerSecond == 0 ? duration.ToString("c") : duration.ToString("c").TrimEnd('0');

    private string? Read(string key, string form, string? fallback, bool isSecret)
    {
        var value = configuration[key];
        var text = string.IsNullOrWhiteSpace(value) ? null : value.Trim();
        // Who asks first knows what it must be; others ask whether it is set.
        _known.TryAdd(key, new KnownSetting(key, form, fallback, text, text is null ? null : SettingOrigin.Of(configuration, key), isSecret));
        return text;
    }

    /// <summary>A setting that nobody reads is a typing error that would silently leave the default in place.</summary>
    public void RefuseUnknown(string section)
    {
        var known = string.Join(", ", _known.Keys.Where(key => key.StartsWith($"{section}:", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal));
        foreach (var child in configuration.GetSection(section).GetChildren())
        {
            if (!_known.ContainsKey(child.Path)) Fail($"{Redaction.Printable(child.Path)} is not a setting; there are {known}.");
            else if (child.GetChildren().Any(part => !_known.ContainsKey(part.Path))) Fail($"{child.Path} is one text (several values are separated by commas); it is set as a list or a section.");
        }
    }
}
