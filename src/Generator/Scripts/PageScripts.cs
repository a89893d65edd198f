namespace ConsentSnapshots.Generator.Scripts;

/// <summary>
/// The inline scripts of this build: the runtime, the grant, and one for each type whose vendor needs something beside its library. Each is a readable
/// <c>.js</c> file, which the build minifies and embeds under the file's name.
/// </summary>
public static class PageScripts
{
    /// <summary>The id of the runtime's script, which begins a list that has any of the others.</summary>
    public const string RuntimeId = "consent-snapshots";

    /// <summary>
    /// What all other inline scripts rely on: it knows which of our elements the client holds, tells vendors the visitor's consent, and
    /// inserts a vendor's library only after that.
    /// </summary>
    public static InlineScript Runtime { get; } = Find("runtime")!;

    /// <summary>Stands for one permission of a destination while the client holds its element; its configuration is the destination's key and the permission's name.</summary>
    public static InlineScript Grant { get; } = Find("grant")!;

    /// <summary>The script of a destination type or of a shared part; null where there is no file of that name.</summary>
    public static InlineScript? Find(string name)
    {
        using var stream = typeof(PageScripts).Assembly.GetManifestResourceStream($"{name}.js");
        if (stream is null) return null;
        using var reader = new StreamReader(stream);
        return new InlineScript(reader.ReadToEnd());
    }
}
