// One component's identity, and the service account of the cluster that may use it.

param name string
param location string

@description('The OIDC issuer of the cluster; empty: none.')
param aksOidcIssuer string

@description('NAMESPACE:NAME of the service account.')
param serviceAccount string

param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags

  resource federation 'federatedIdentityCredentials' = if (!empty(aksOidcIssuer)) {
    name: 'kubernetes'
    properties: {
      issuer: aksOidcIssuer
      subject: 'system:serviceaccount:${serviceAccount}'
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
