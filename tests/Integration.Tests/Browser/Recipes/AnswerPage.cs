using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A page that asks for the scripts of one consent, and asks again on each change.</summary>
internal sealed class AnswerPage(OnWithdrawal onWithdrawal = OnWithdrawal.Reload) : PageKind
{
    public const string AnswerUrl = "https://edge.example/v1/acme/production/scripts";

    public override string Name => "answer per consent";

    public override OnWithdrawal OnWithdrawal => onWithdrawal;

    public override bool Erases => false;

    public override Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken) =>
        new PlainPage(Name, "page-per-consent.js", onWithdrawal) { Versions = Versions }.ServeAsync(site, visitor, cancellationToken);

    public override Task PublishAsync(OfflineSite site, WalkedScope? scope, CancellationToken cancellationToken)
    {
        if (scope is null) site.Refuse(AnswerUrl);
        else site.ServeJson(AnswerUrl, request => scope.Answer(Consent(request)));
        return Task.CompletedTask;
    }

    /// <summary>The consent that a request asks for.</summary>
    public static ConsentSet Consent(Uri request)
    {
        var asked = JsonNode.Parse(Uri.UnescapeDataString(request.Query["?consent=".Length..]))!.AsObject();
        return ConsentSet.Of([.. asked.Where(category => category.Value!.GetValueKind() == JsonValueKind.True)
            .Select(category => ConsentCategories.TryParse(category.Key, out var known) ? known : throw new FormatException(category.Key))]);
    }
}
