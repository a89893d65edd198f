namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Settings as an organization may write them, for people to begin with and for the tests that walk the catalogue.</summary>
/// <param name="Least">The least a destination of the type needs: a JSON object.</param>
/// <param name="Full">Every public setting at once, as far as they go together, and none with its default: a JSON object.</param>
public sealed record SettingsExamples(string Least, string Full);
