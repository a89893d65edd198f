using System.Diagnostics;
using System.Globalization;
using OpenTelemetry;
using OpenTelemetry.Logs;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Masks credentials in log records before they are sent, as <see cref="LogLines"/> does before they are written: in the message, in every attribute, and in an exception's message and stack.
/// </summary>
public sealed class LogRedaction : BaseProcessor<LogRecord>
{
    /// <summary>The attribute that has an event's number.</summary>
    public const string EventIdAttribute = "event.id";

    private const string Template = "{OriginalFormat}";

    /// <inheritdoc/>
    public override void OnEnd(LogRecord data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var attributes = new List<KeyValuePair<string, object?>>((data.Attributes?.Count ?? 0) + 4);
        if (data.EventId.Id != 0) attributes.Add(new(EventIdAttribute, data.EventId.Id));
        // The template of a message says nothing beside the message and the event's name.
        foreach (var (key, value) in data.Attributes ?? [])
            if (key != Template) attributes.Add(new(key, AttributeRedaction.Clean(key, value)));
        if (data.Exception is { } exception)
        {
            // The exporter would send it as it is.
            attributes.Add(new("exception.type", exception.GetType().FullName));
            attributes.Add(new("exception.message", Redaction.Clean(exception.Message)));
            attributes.Add(new("exception.stacktrace", Redaction.Clean(exception.ToString())));
            data.Exception = null;
        }
        data.Attributes = attributes;
        if (data.FormattedMessage is { } message) data.FormattedMessage = Redaction.Clean(message);
        if (data.Body is { } body) data.Body = Redaction.Clean(body);
    }
}

/// <summary>Masks credentials in the attributes and the status of spans before they are sent.</summary>
public sealed class SpanRedaction : BaseProcessor<Activity>
{
    /// <inheritdoc/>
    public override void OnEnd(Activity data)
    {
        ArgumentNullException.ThrowIfNull(data);
        foreach (var (key, value) in data.TagObjects.ToArray())
            if (value is string text && AttributeRedaction.Clean(key, text) is string clean && clean != text) data.SetTag(key, clean);
        if (data.StatusDescription is { } description) data.SetStatus(data.Status, Redaction.Clean(description));
    }
}

/// <summary>Masks what may be a credential in an attribute. Its name counts: a value below the name <c>password</c> is one, whatever it looks like.</summary>
internal static class AttributeRedaction
{
    /// <summary>The value as it may be sent: numbers and the like as they are, everything else as clean text.</summary>
    public static object? Clean(string key, object? value)
    {
        if (value is null or bool or byte or short or int or long or float or double) return value;
        var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        var clean = Redaction.Clean(text);
        return Redaction.Mask($"{key}={clean}") == $"{key}={clean}" || clean.Length == 0 ? clean : "***";
    }
}
