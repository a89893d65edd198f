using System.CommandLine;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Encrypts a settings object into the envelope that a row's <c>settings</c> take.</summary>
internal static class EncryptCommand
{
    public static Command Create(CommandContext context)
    {
        var file = new Argument<FileInfo?>("FILE") { Description = "A file with the settings object as JSON; standard input when left out.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("encrypt", "Encrypt a settings object with the current key; prints the envelope.") { file };
        command.SetAction(async (parsed, token) =>
        {
            var worker = WorkerConfiguration.Read(context.Configuration, ConfigurationParts.Encryption);
            var keys = new SettingsKeyRing(worker.Encryption);
            if (!keys.HasKeys) throw new UsageException("No key is configured. Set Encryption:Keys:0 (Encryption__Keys__0) to 64 hexadecimal digits.");
            string text;
            try
            {
                text = parsed.GetValue(file) is { } given
                    ? await File.ReadAllTextAsync(given.FullName, token)
                    : await Console.In.ReadToEndAsync(token);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new UsageException($"The settings cannot be read: {exception.Message}");
            }
            if (SettingsJson.IsDeeper(Encoding.UTF8.GetBytes(text))) throw new UsageException($"The settings are nested deeper than {SettingsJson.MaxDepth} levels.");
            JsonElement settings;
            try
            {
                settings = JsonElement.Parse(text, new JsonDocumentOptions { MaxDepth = SettingsJson.MaxDepth });
            }
            catch (JsonException exception)
            {
                throw new UsageException($"The settings are not valid JSON at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
            }
            if (settings.ValueKind != JsonValueKind.Object) throw new UsageException("The settings must be a JSON object.");
            await context.WriteJsonAsync(keys.Seal(settings).ToJsonString());
            return ExitCodes.Done;
        });
        return command;
    }
}
