namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>What answers are put together from: a scope, or a loader. The same name always gives the same bytes.</summary>
internal interface IAnswerSource
{
    /// <summary>Puts the body of an answer together.</summary>
    byte[] Compose(AnswerName name);

    /// <summary>Where the same answer is in the public container; null without <c>Storage:PublicBaseUrl</c>.</summary>
    string? PublicAddressOf(AnswerName name);
}
